package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"slipway.dev/slipway/internal/store"
)

// explain says what was done to which key of which bucket, and the cure.
func (s *Store) explain(ctx context.Context, verb, key string, err error) error {
	if err == nil {
		return nil
	}
	if isMissingKey(err) {
		err = s.whatIsMissing(ctx)
	}
	if cure := s.cure(err); cure != "" {
		return fmt.Errorf("%s %s: %w: %s", verb, s.URL(key), err, cure)
	}
	return fmt.Errorf("%s %s: %w", verb, s.URL(key), err)
}

// whatIsMissing tells a missing key from a missing bucket, which a HEAD request
// does not say. The bucket is asked for once.
func (s *Store) whatIsMissing(ctx context.Context) error {
	if s.seen.Load() {
		return store.ErrNotFound
	}
	ctx, cancel := store.Bounded(ctx)
	defer cancel()
	_, err := s.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &s.bucket})
	if status(err) == http.StatusNotFound {
		return &smithy.GenericAPIError{Code: "NoSuchBucket", Message: "the bucket does not exist"}
	}
	s.seen.Store(err == nil)
	return store.ErrNotFound
}

func (s *Store) cure(err error) string {
	var signing *v4.SigningError
	var network net.Error
	switch code := codeOf(err); {
	case code == "NoSuchBucket":
		return fmt.Sprintf("create the bucket %s, or name another", s.bucket)
	case code == "EntityTooLarge":
		return "compress it, or choose a store in a folder or in gs://"
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed":
		return "the bucket is in another region; set AWS_REGION to it"
	case status(err) == http.StatusForbidden, status(err) == http.StatusUnauthorized:
		return "check AWS_PROFILE or AWS_ACCESS_KEY_ID, and that the bucket's policy allows s3:GetObject, s3:PutObject and s3:ListBucket"
	case status(err) == http.StatusInsufficientStorage, code == "QuotaExceeded":
		return "the store is full; free space in it, or choose another"
	case errors.As(err, &signing), strings.Contains(err.Error(), "get identity"):
		return "there are no credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case errors.As(err, &network):
		return "check the network, and AWS_ENDPOINT_URL if it is set"
	}
	return ""
}

// isPrecondition says whether If-None-Match or If-Match did not hold.
func isPrecondition(err error) bool { return status(err) == http.StatusPreconditionFailed }

func isMissingKey(err error) bool {
	return status(err) == http.StatusNotFound && codeOf(err) != "NoSuchBucket"
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// status is the HTTP status that the server answered, or 0.
func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
