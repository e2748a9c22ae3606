package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/store/gcs"
	"slipway.dev/slipway/internal/store/storetest/server"
)

// overStores runs a test over folders, and over a server of Google Cloud Storage. Each
// call of newStore opens an empty store.
func overStores(t *testing.T, test func(t *testing.T, newStore func() store.Store)) {
	t.Run("folder", func(t *testing.T) {
		test(t, func() store.Store { return newFolder(t) })
	})
	t.Run("gcs", func(t *testing.T) {
		const bucket = "slipway-files"
		answer, err := http.Post(server.StartGCS(t)+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name": "`+bucket+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		stores := 0
		test(t, func() store.Store {
			stores++
			s, err := gcs.New(context.Background(), bucket, fmt.Sprintf("prefix%d", stores))
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

func newFolder(t *testing.T) store.Store {
	t.Helper()
	s, err := folder.New(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put stores a blob and returns its digest.
func put(t *testing.T, s store.Store, text string) string {
	t.Helper()
	hex, _, err := store.PutBlob(t.Context(), s, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex
}

func digestOf(t *testing.T, text string) string {
	t.Helper()
	hex, _, err := store.Digest(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return "sha256:" + hex
}

// blobOf reads a blob; there is false if there is none.
func blobOf(t *testing.T, s store.Store, digest string) (text string, there bool) {
	t.Helper()
	body, err := store.OpenBlob(t.Context(), s, hexOf(digest))
	if errors.Is(err, store.ErrNotFound) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), true
}

// spy is a store that remembers what was opened and created in it, and may lose an answer.
type spy struct {
	store.Store
	loseSwap error // what Swap returns after it swapped

	mu              sync.Mutex
	opened, created []string
}

func (s *spy) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, key)
	return s.Store.Open(ctx, key)
}

func (s *spy) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	err := s.Store.Create(ctx, key, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = append(s.created, key)
	return err
}

func (s *spy) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	generation, err := s.Store.Swap(ctx, key, old, data)
	if err == nil && s.loseSwap != nil {
		return store.Absent, s.loseSwap
	}
	return generation, err
}
