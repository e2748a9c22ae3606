package promotion

import (
	"context"
	"errors"
	"io"
	"sync"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
)

// life is a number of effects after which a run dies, from then on doing nothing at
// all: the nearest thing in one process to kill -9 at every single step.
type life struct {
	mu    sync.Mutex
	left  int
	after bool // the effect at which it dies still happens
}

var errDead = errors.New("killed")

// effect does one, unless the run is dead. A run that dies after an effect does not
// learn how it ended.
func (l *life) effect(do func() error) error {
	l.mu.Lock()
	l.left--
	left := l.left
	l.mu.Unlock()
	if left >= 0 {
		return do()
	}
	if left == -1 && l.after {
		_ = do()
	}
	return errDead
}

// read does nothing either once the run is dead.
func (l *life) read() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left < 0 {
		return errDead
	}
	return nil
}

func (l *life) dead() bool { return l.read() != nil }

type mortalStore struct {
	store.Store
	*life
}

func (s mortalStore) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	return s.effect(func() error { return s.Store.Create(ctx, key, body) })
}

func (s mortalStore) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := s.read(); err != nil {
		return nil, err
	}
	return s.Store.Open(ctx, key)
}

// Swap only beats leases; that is no step of a promotion.
func (s mortalStore) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if err := s.read(); err != nil {
		return "", err
	}
	return s.Store.Swap(ctx, key, old, data)
}

type mortalRegistry struct {
	Registry
	*life
}

func (r mortalRegistry) Tag(ctx context.Context, repository, tag string, m oci.Manifest) error {
	return r.effect(func() error { return r.Registry.Tag(ctx, repository, tag, m) })
}

func (r mortalRegistry) Copy(ctx context.Context, from, to, digest string) error {
	return r.effect(func() error { return r.Registry.Copy(ctx, from, to, digest) })
}

func (r mortalRegistry) Resolve(ctx context.Context, repository, tag string) (string, error) {
	if err := r.read(); err != nil {
		return "", err
	}
	return r.Registry.Resolve(ctx, repository, tag)
}

// mortal is the world's promoter with so many effects to live.
func (w *world) mortal(effects int, after bool) (*Promoter, *life) {
	l := &life{left: effects, after: after}
	return &Promoter{
		Config: w.Config, Store: mortalStore{w.store, l}, Registry: mortalRegistry{w.Registry, l}, Proof: w.proof,
		Who: "mortal", Term: w.Term, Parallel: 1,
	}, l
}
