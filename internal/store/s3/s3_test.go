package s3_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/s3"
	"slipway.dev/slipway/internal/store/storetest"
	"slipway.dev/slipway/internal/store/storetest/server"
)

const bucket = "slipway-store"

func TestSuite(t *testing.T) {
	start(t)
	stores := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		stores++
		return newStore(t, bucket, fmt.Sprintf("some/prefix%d", stores))
	})
}

// start runs a server that holds one bucket, and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	endpoint := server.StartS3(t)
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.BaseEndpoint, o.UsePathStyle = &endpoint, true })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String(bucket)})
		if err == nil {
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatal(err) // it listens before it is ready, but not for so long
		}
	}
}

func newStore(t *testing.T, bucket, prefix string) *s3.Store {
	t.Helper()
	s, err := s3.New(t.Context(), bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
