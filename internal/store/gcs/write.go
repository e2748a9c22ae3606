package gcs

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"cloud.google.com/go/storage"

	"slipway.dev/slipway/internal/store"
)

// maxChunk is how much of an upload is held in memory to send it again, in bytes.
const maxChunk = 16 << 20

// writerField is metadata that names the Swap that wrote a pointer.
const writerField = "slipway-writer"

// Create stores body under key, unless the key is taken.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	_, err := s.write(ctx, key, storage.Conditions{DoesNotExist: true}, body, nil)
	if isPrecondition(err) {
		return store.Settle(ctx, s, key, body)
	}
	return s.explain(ctx, "create", key, err)
}

// write sends body with its checksum, so that the server refuses what was changed on the way.
func (s *Store) write(ctx context.Context, key string, when storage.Conditions, body io.ReadSeeker, metadata map[string]string) (store.Generation, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Absent, err
	}
	crc, size, err := checksum(body)
	if err != nil {
		return store.Absent, err
	}
	ctx, watchdog := store.Watch(ctx, store.Idle)
	defer watchdog.Stop()
	w := s.object(key).If(when).NewWriter(ctx)
	w.CRC32C, w.SendCRC32C = crc, true
	w.ChunkSize = int(min(size+1, maxChunk)) // more than the object's size: one request
	w.Metadata = metadata
	if _, err := io.Copy(w, watchdog.Upload(body)); err != nil {
		err = store.Because(ctx, err)
		watchdog.Stop() // or Close would store what was sent so far
		_ = w.Close()
		return store.Absent, err
	}
	if err := w.Close(); err != nil {
		return store.Absent, store.Because(ctx, err)
	}
	return generation(w.Attrs().Generation), nil
}

// checksum reads body once, and leaves it at the start.
func checksum(body io.ReadSeeker) (crc uint32, size int64, err error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return 0, 0, err
	}
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if size, err = io.Copy(h, body); err != nil {
		return 0, 0, err
	}
	_, err = body.Seek(0, io.SeekStart)
	return h.Sum32(), size, err
}

// Read returns a pointer and its generation: the server's.
func (s *Store) Read(ctx context.Context, key string) ([]byte, store.Generation, error) {
	body, generation, err := s.open(ctx, key)
	if err != nil {
		return nil, store.Absent, s.explain(ctx, "read", key, err)
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, store.Absent, s.explain(ctx, "read", key, err)
	}
	return data, generation, nil
}

// Swap replaces a pointer that is still at old.
func (s *Store) Swap(ctx context.Context, key string, old store.Generation, data []byte) (store.Generation, error) {
	when, err := conditions(old)
	if err != nil {
		return store.Absent, s.explain(ctx, "swap", key, err)
	}
	writer := rand.Text()
	generation, err := s.write(ctx, key, when, bytes.NewReader(data), map[string]string{writerField: writer})
	if isPrecondition(err) {
		generation, err = s.ours(ctx, key, writer)
	}
	return generation, s.explain(ctx, "swap", key, err)
}

func conditions(old store.Generation) (storage.Conditions, error) {
	if old == store.Absent {
		return storage.Conditions{DoesNotExist: true}, nil
	}
	n, err := strconv.ParseInt(string(old), 10, 64)
	if err != nil {
		return storage.Conditions{}, fmt.Errorf("generation %q is not one of this store", old)
	}
	return storage.Conditions{GenerationMatch: n}, nil
}

// ours decides a Swap that came too late. Where the answer to a write got lost,
// it was sent again, and then it is our own write that was faster.
func (s *Store) ours(ctx context.Context, key, writer string) (store.Generation, error) {
	attrs, err := s.attrs(ctx, key)
	if err == nil && attrs.Metadata[writerField] == writer {
		return generation(attrs.Generation), nil
	}
	if err != nil && !errors.Is(err, storage.ErrObjectNotExist) {
		return store.Absent, err
	}
	return store.Absent, store.ErrStale
}
