// Package s3 is a store in a bucket of Amazon S3 or of another server that speaks
// its protocol: minio, versitygw, Ceph.
//
// The server decides who was first: objects are created with If-None-Match, and
// pointers swapped with If-Match. A server that ignores those headers would let
// objects be overwritten, so a store must not lie on one; docs/store.md lists
// what was tested.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway.dev/slipway/internal/store"
)

// A request is sent up to this often, with pauses at random between nothing and
// firstPause, doubled each time: half a minute in all.
const (
	attempts   = 9
	firstPause = 100 * time.Millisecond
)

// Store is a store in a bucket.
type Store struct {
	client *awss3.Client
	bucket string
	prefix string      // empty, or ends in a slash
	seen   atomic.Bool // the bucket exists
}

var _ store.Store = (*Store)(nil)

// New returns the store under prefix (empty, or like a key) in bucket. It reads
// what AWS' own tools read: AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID and their
// kin, and AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL for another server, which is
// then addressed by path (http://server/bucket/key).
func New(ctx context.Context, bucket, prefix string) (*Store, error) {
	endpoint, err := endpointOf(os.Getenv)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryer(retryer))
	if err != nil {
		return nil, fmt.Errorf("open store s3://%s: read AWS configuration: %w", bucket, err)
	}
	client := awss3.NewFromConfig(cfg, func(o *awss3.Options) {
		if o.Region == "" {
			o.Region = "us-east-1"
		}
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
			o.UsePathStyle = true
		}
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	if prefix != "" {
		prefix += "/"
	}
	return &Store{client: client, bucket: bucket, prefix: prefix}, nil
}

// retryer also repeats what AWS answers to one of two conditional writes that
// met: whether the key was taken is only known the next time.
func retryer() aws.Retryer {
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(pause)
	})
	return retry.AddWithErrorCodes(standard, "ConditionalRequestConflict", "OperationAborted")
}

func pause(attempt int, _ error) (time.Duration, error) {
	return rand.N(firstPause << min(attempt, attempts)), nil
}

func endpointOf(getenv func(string) string) (string, error) {
	for _, name := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		value := getenv(name)
		if value == "" {
			continue
		}
		u, err := url.Parse(value)
		switch {
		case err != nil, u.Host == "", u.Scheme != "http" && u.Scheme != "https":
			return "", fmt.Errorf("%s is no http:// or https:// URL", name) // its text may hold a password
		case u.User != nil:
			return "", fmt.Errorf("%s holds a user; credentials go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", name)
		}
		return value, nil
	}
	return "", nil
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, err := s.get(ctx, key)
	return body, s.explain(ctx, "open", key, err)
}

func (s *Store) get(ctx context.Context, key string) (io.ReadCloser, store.Generation, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Absent, err
	}
	ctx, watchdog := store.Watch(ctx, store.Idle)
	out, err := s.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &s.bucket, Key: s.name(key)})
	if err != nil {
		defer watchdog.Stop()
		return nil, store.Absent, store.Because(ctx, err)
	}
	return watchdog.Download(out.Body), store.Generation(aws.ToString(out.ETag)), nil
}

// Stat says how large an object is.
func (s *Store) Stat(ctx context.Context, key string) (store.Info, error) {
	out, err := s.head(ctx, key)
	if err != nil {
		return store.Info{}, s.explain(ctx, "stat", key, err)
	}
	return store.Info{Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified)}, nil
}

func (s *Store) head(ctx context.Context, key string) (*awss3.HeadObjectOutput, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, err
	}
	ctx, cancel := store.Bounded(ctx)
	defer cancel()
	out, err := s.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &s.bucket, Key: s.name(key)})
	return out, store.Because(ctx, err)
}

// List yields the keys that start with prefix.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.list(ctx, prefix, yield); err != nil && !errors.Is(err, errEnough) {
			yield("", s.explain(ctx, "list", prefix, err))
		}
	}
}

// errEnough is a caller who wants no more keys.
var errEnough = errors.New("enough")

func (s *Store) list(ctx context.Context, prefix string, yield func(string, error) bool) error {
	if err := store.CheckPrefix(prefix); err != nil {
		return err
	}
	pages := awss3.NewListObjectsV2Paginator(s.client, &awss3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.name(prefix)})
	for pages.HasMorePages() {
		page, err := s.nextPage(ctx, pages)
		if err != nil {
			return err
		}
		for _, object := range page.Contents {
			if !yield(strings.TrimPrefix(aws.ToString(object.Key), s.prefix), nil) {
				return errEnough
			}
		}
	}
	return nil
}

func (s *Store) nextPage(ctx context.Context, pages *awss3.ListObjectsV2Paginator) (*awss3.ListObjectsV2Output, error) {
	ctx, cancel := store.Bounded(ctx)
	defer cancel()
	page, err := pages.NextPage(ctx)
	return page, store.Because(ctx, err)
}

// URL is the object's s3:// URL.
func (s *Store) URL(key string) string { return "s3://" + s.bucket + "/" + *s.name(key) }

func (s *Store) name(key string) *string { return aws.String(s.prefix + key) }
