package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"cloud.google.com/go/storage"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"slipway.dev/slipway/internal/store"
)

// explain says what was done to which key of which bucket, and the cure.
func (s *Store) explain(ctx context.Context, verb, key string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, storage.ErrObjectNotExist) {
		err = s.whatIsMissing(ctx)
	}
	if cure := s.cure(err); cure != "" {
		return fmt.Errorf("%s %s: %w: %s", verb, s.URL(key), err, cure)
	}
	return fmt.Errorf("%s %s: %w", verb, s.URL(key), err)
}

// whatIsMissing tells a missing object from a missing bucket, which the SDK
// does not. The bucket is asked for once, by a list: who may only handle its
// objects may not look at the bucket itself.
func (s *Store) whatIsMissing(ctx context.Context) error {
	if s.seen.Load() {
		return store.ErrNotFound
	}
	ctx, cancel := store.Bounded(ctx)
	defer cancel()
	_, err := s.query(ctx, "").Next()
	if errors.Is(err, storage.ErrBucketNotExist) {
		return err
	}
	s.seen.Store(err == nil || errors.Is(err, iterator.Done))
	return store.ErrNotFound
}

func (s *Store) cure(err error) string {
	var token *oauth2.RetrieveError
	var network net.Error
	switch code := status(err); {
	case errors.Is(err, storage.ErrBucketNotExist), code == http.StatusNotFound:
		return fmt.Sprintf("create the bucket %s, or name another", s.name)
	case code == http.StatusUnauthorized, errors.As(err, &token):
		return "the credentials are not valid; run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
	case code == http.StatusForbidden:
		return fmt.Sprintf("these credentials may not do that; grant them roles/storage.objectUser on the bucket %s", s.name)
	case errors.As(err, &network):
		return "check the network, and STORAGE_EMULATOR_HOST if it is set"
	}
	return ""
}

// isPrecondition says whether the object's generation was not the expected one.
func isPrecondition(err error) bool { return status(err) == http.StatusPreconditionFailed }

// isTransient says whether to send a request again. The SDK gives up where a
// server hangs up before its answer; since each of our writes is conditional, it
// need not.
func isTransient(err error) bool { return storage.ShouldRetry(err) || errors.Is(err, io.EOF) }

// status is the HTTP status that the server answered, or 0.
func status(err error) int {
	var api *googleapi.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}
