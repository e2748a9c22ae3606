// Package filed keeps signed bundles in a store under names that tell their content.
//
// A name ends in the sha256 of the bundle's bytes, so the same bundle is filed once
// however often it is filed, and a bundle that changed no longer fits its name. What
// does not fit its name is damage: it is reported, never passed over, since what it
// replaced may have been the refusal that closed a gate.
package filed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
)

// DamagedError is an object whose name and content do not belong together.
type DamagedError struct {
	Key string // in the store
	URL string // where a person finds it
	Err error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: %v; find out who wrote it, then move it out of the store", e.URL, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// Damaged makes a DamagedError of an object in a store.
func Damaged(s store.Store, key string, err error) error {
	return &DamagedError{Key: key, URL: s.URL(key), Err: err}
}

// Sum is the sha256 of a bundle's bytes in hex.
func Sum(bundle []byte) string {
	sum := sha256.Sum256(bundle)
	return hex.EncodeToString(sum[:])
}

// Create files a bundle under a name that begins with prefix, and returns its key.
func Create(ctx context.Context, s store.Store, prefix string, bundle []byte) (key string, err error) {
	key = prefix + Sum(bundle) + ".json"
	return key, s.Create(ctx, key, bytes.NewReader(bundle))
}

// Open reads a bundle that has a sum.
func Open(ctx context.Context, s store.Store, key, sum string) ([]byte, error) {
	body, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	bundle, err := io.ReadAll(io.LimitReader(body, signing.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.URL(key), err)
	}
	if got := Sum(bundle); got != sum {
		return nil, Damaged(s, key, fmt.Errorf("its bytes have sha256 %s", got))
	}
	return bundle, nil
}
