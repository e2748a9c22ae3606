package folder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/store"
)

// lockDeadline is how long Swap waits for others who swap the same pointer; each
// of them holds the lock for a few milliseconds.
const lockDeadline = 30 * time.Second

// Read returns a pointer and its generation: the digest of its bytes.
func (s *Store) Read(ctx context.Context, key string) ([]byte, store.Generation, error) {
	file, err := s.open(ctx, key)
	if err != nil {
		return nil, store.Absent, s.explain("read", key, absent(err))
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, store.Absent, s.explain("read", key, err)
	}
	return data, generation(data), nil
}

// Swap replaces a pointer that is still at old. A lock on a file of the
// pointer's own orders those who swap it, in this process and others.
func (s *Store) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	if err := s.swap(ctx, key, old, data); err != nil {
		return store.Absent, s.explain("swap", key, err)
	}
	return generation(data), nil
}

func (s *Store) swap(ctx context.Context, key string, old store.Generation, data []byte) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	root, err := s.writable()
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	unlock, err := lock(ctx, root, key)
	if err != nil {
		return err
	}
	defer unlock()
	now, err := current(root, key)
	if err != nil {
		return err
	}
	if now != old {
		return store.ErrStale
	}
	return s.replace(ctx, root, key, old, data)
}

// replace gives key new bytes, under its lock. Where it must not exist, link
// decides, since Create takes no lock.
func (s *Store) replace(ctx context.Context, root *os.Root, key string, old store.Generation, data []byte) error {
	temp, err := writeTemp(ctx, root, bytes.NewReader(data), 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(temp) }()
	err = s.publish(root, key, func() error {
		if old == store.Absent {
			return root.Link(temp, key)
		}
		return root.Rename(temp, key)
	})
	if errors.Is(err, fs.ErrExist) {
		return store.ErrStale
	}
	return err
}

func current(root *os.Root, key string) (store.Generation, error) {
	data, err := root.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return store.Absent, nil
	}
	if err != nil {
		return store.Absent, err
	}
	return generation(data), nil
}

func generation(data []byte) store.Generation {
	sum := sha256.Sum256(data)
	return store.Generation(hex.EncodeToString(sum[:]))
}

// lock takes the lock of key, and gives up at the deadline. The lock's file stays:
// removing it would let two hold the lock, one on the old file and one on the new.
func lock(ctx context.Context, root *os.Root, key string) (unlock func(), err error) {
	if err := root.MkdirAll(lockFolder, 0o755); err != nil {
		return nil, err
	}
	name := path.Join(lockFolder, string(generation([]byte(key))))
	file, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lockDeadline,
		fmt.Errorf("another process held the lock %s for %v: see who with fuser, and end it", file.Name(), lockDeadline))
	defer cancel()
	if err := flock(ctx, file); err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

// flock polls, since a blocked flock(2) could not be called off.
func flock(ctx context.Context, file *os.File) error {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond + rand.N(4*time.Millisecond)):
		}
	}
}
