package filestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"slipway.dev/slipway/internal/store"
)

// Versioned writes what a version of an artifact is, for good. Doing it again is no
// error, by whatever plan; another digest under the version is, and changes nothing.
// p.Channel is the channel that the version was given in.
func Versioned(ctx context.Context, s store.Store, artifact, version string, p Pointer) error {
	if err := versioned(ctx, s, artifact, version, p); err != nil {
		return fmt.Errorf("write version %s of %s: %w", version, artifact, err)
	}
	return nil
}

func versioned(ctx context.Context, s store.Store, artifact, version string, p Pointer) error {
	key, err := versionKey(artifact, version)
	if err != nil {
		return err
	}
	if p.Version != version || !strings.HasPrefix(p.Channel, artifact+"/") {
		return fmt.Errorf("the pointer is of version %s in channel %s", p.Version, p.Channel)
	}
	_, data, err := p.ready(ctx, s, p.Channel)
	if err != nil {
		return err
	}
	conflict := s.Create(ctx, key, bytes.NewReader(data))
	if !errors.Is(conflict, store.ErrConflict) {
		return conflict
	}
	have, err := readVersion(ctx, s, key, artifact, version)
	if err == nil && have.Digest != p.Digest {
		err = fmt.Errorf("it is %s already, and a version never changes; take another version: %w", have.Digest, store.ErrConflict)
	}
	return err
}

// Version reads what a version of an artifact is; ok is false if there is none.
func Version(ctx context.Context, s store.Store, artifact, version string) (p Pointer, ok bool, err error) {
	key, err := versionKey(artifact, version)
	if err == nil {
		p, err = readVersion(ctx, s, key, artifact, version)
	}
	if errors.Is(err, store.ErrNotFound) {
		return Pointer{}, false, nil
	}
	if err != nil {
		return Pointer{}, false, fmt.Errorf("read version %s of %s: %w", version, artifact, err)
	}
	return p, true, nil
}

func readVersion(ctx context.Context, s store.Store, key, artifact, version string) (Pointer, error) {
	body, err := s.Open(ctx, key)
	if err != nil {
		return Pointer{}, err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return Pointer{}, fmt.Errorf("read %s: %w", s.URL(key), err)
	}
	p, err := parsePointer(data)
	if err == nil && (p.Version != version || !strings.HasPrefix(p.Channel, artifact+"/")) {
		err = fmt.Errorf("it is version %s in channel %s", p.Version, p.Channel)
	}
	if err != nil {
		return Pointer{}, fmt.Errorf("read %s: %w: %w", s.URL(key), store.ErrCorrupt, err)
	}
	return p, nil
}

func versionKey(artifact, version string) (string, error) {
	if version == "" || strings.Contains(version, "/") {
		return "", fmt.Errorf("%q is no version", version)
	}
	return keyOf(artifact, versionFolder, version)
}
