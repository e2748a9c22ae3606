package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway.dev/slipway/internal/store"
)

// maxObject is the most that S3 takes in one request, in bytes. An object is
// never sent in parts: parts that nobody completes cost money until a rule of
// the bucket removes them.
const maxObject = 5 << 30

// writerField is metadata that names the Swap that wrote a pointer.
const writerField = "slipway-writer"

// Create stores body under key, unless the key is taken.
func (s *Store) Create(ctx context.Context, key string, body io.ReadSeeker) error {
	_, err := s.put(ctx, key, body, &awss3.PutObjectInput{IfNoneMatch: aws.String("*")})
	if isPrecondition(err) {
		return store.Settle(ctx, s, key, body)
	}
	return s.explain(ctx, "create", key, err)
}

func (s *Store) put(ctx context.Context, key string, body io.ReadSeeker, in *awss3.PutObjectInput) (store.Generation, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Absent, err
	}
	size, err := sizeOf(body)
	if err != nil {
		return store.Absent, err
	}
	ctx, watchdog := store.Watch(ctx, store.Idle)
	defer watchdog.Stop()
	in.Bucket, in.Key, in.Body, in.ContentLength = &s.bucket, s.name(key), watchdog.Upload(body), &size
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return store.Absent, store.Because(ctx, err)
	}
	return store.Generation(aws.ToString(out.ETag)), nil
}

// sizeOf is the size of body, which it leaves at the start.
func sizeOf(body io.ReadSeeker) (int64, error) {
	size, err := body.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if size > maxObject {
		return 0, fmt.Errorf("%d bytes; S3 takes up to %d (5 GiB) at once: compress it, or choose a store in a folder or in gs://", size, maxObject)
	}
	_, err = body.Seek(0, io.SeekStart)
	return size, err
}

// Read returns a pointer and its generation: its ETag.
func (s *Store) Read(ctx context.Context, key string) ([]byte, store.Generation, error) {
	body, generation, err := s.get(ctx, key)
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
	writer := rand.Text()
	in := &awss3.PutObjectInput{Metadata: map[string]string{writerField: writer}}
	if old == store.Absent {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(old))
	}
	generation, err := s.put(ctx, key, bytes.NewReader(data), in)
	if isPrecondition(err) || old != store.Absent && isMissingKey(err) {
		generation, err = s.ours(ctx, key, writer)
	}
	return generation, s.explain(ctx, "swap", key, err)
}

// ours decides a Swap that came too late. Where the answer to a write got lost,
// it was sent again, and then it is our own write that was faster.
func (s *Store) ours(ctx context.Context, key, writer string) (store.Generation, error) {
	out, err := s.head(ctx, key)
	if err == nil && out.Metadata[writerField] == writer {
		return store.Generation(aws.ToString(out.ETag)), nil
	}
	if err != nil && !isMissingKey(err) {
		return store.Absent, err
	}
	return store.Absent, store.ErrStale
}
