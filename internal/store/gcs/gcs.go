// Package gcs is a store in a bucket of Google Cloud Storage.
//
// The server decides who was first: each write carries the generation that the
// object must have, 0 for none. A write whose answer got lost is sent again, and
// what is there is then compared, so that nobody loses against himself.
package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"

	"slipway.dev/slipway/internal/store"
)

// Store is a store in a bucket.
type Store struct {
	bucket *storage.BucketHandle
	name   string      // of the bucket
	prefix string      // empty, or ends in a slash
	seen   atomic.Bool // the bucket exists
}

var _ store.Store = (*Store)(nil)

// New returns the store under prefix (empty, or like a key) in bucket. It uses
// the application default credentials, as Google's own tools do, or none where
// STORAGE_EMULATOR_HOST names an emulator.
func New(ctx context.Context, bucket, prefix string) (*Store, error) {
	client, err := storage.NewClient(ctx, option.WithScopes(storage.ScopeReadWrite))
	if err != nil {
		return nil, fmt.Errorf("open store gs://%s: %w: run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS", bucket, err)
	}
	if prefix != "" {
		prefix += "/"
	}
	pauses := gax.Backoff{Initial: 100 * time.Millisecond, Max: 20 * time.Second, Multiplier: 2} // until store.Idle is over
	handle := client.Bucket(bucket).Retryer(storage.WithErrorFunc(isTransient), storage.WithBackoff(pauses))
	return &Store{bucket: handle, name: bucket, prefix: prefix}, nil
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, err := s.open(ctx, key)
	return body, s.explain(ctx, "open", key, err)
}

func (s *Store) open(ctx context.Context, key string) (io.ReadCloser, store.Generation, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Absent, err
	}
	ctx, watchdog := store.Watch(ctx, store.Idle)
	body, err := s.object(key).NewReader(ctx)
	if err != nil {
		defer watchdog.Stop()
		return nil, store.Absent, store.Because(ctx, err)
	}
	return watchdog.Download(body), generation(body.Attrs.Generation), nil
}

// Stat says how large an object is.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	attrs, err := s.attrs(ctx, key)
	if err != nil {
		return store.Info{}, s.explain(ctx, "stat", key, err)
	}
	return store.Info{Size: attrs.Size, Modified: attrs.Created}, nil
}

func (s *Store) attrs(ctx context.Context, key string) (*storage.ObjectAttrs, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	ctx, cancel := store.Bounded(ctx)
	defer cancel()
	attrs, err := s.object(key).Attrs(ctx)
	return attrs, store.Because(ctx, err)
}

// List yields the keys that start with prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := store.CheckPrefix(prefix); err != nil {
			yield("", s.explain(ctx, "list", prefix, err))
			return
		}
		ctx, watchdog := store.Watch(ctx, store.Idle)
		defer watchdog.Stop()
		objects := s.query(ctx, prefix)
		for {
			watchdog.Touch()
			attrs, err := objects.Next()
			watchdog.Rest()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield("", s.explain(ctx, "list", prefix, store.Because(ctx, err)))
				return
			}
			if !yield(strings.TrimPrefix(attrs.Name, s.prefix), nil) {
				return
			}
		}
	}
}

func (s *Store) query(ctx context.Context, prefix string) *storage.ObjectIterator {
	query := &storage.Query{Prefix: s.prefix + prefix, Projection: storage.ProjectionNoACL}
	_ = query.SetAttrSelection([]string{"Name"}) // fails only for a name that is no attribute
	return s.bucket.Objects(ctx, query)
}

// URL is the object's gs:// URL.
func (s *Store) URL(key string) string { return "gs://" + s.name + "/" + s.prefix + key }

func (s *Store) object(key string) *storage.ObjectHandle { return s.bucket.Object(s.prefix + key) }

func generation(n int64) store.Generation { return store.Generation(strconv.FormatInt(n, 10)) }
