package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

// TestLostAnswers loses answers to writes.
func TestLostAnswers(t *testing.T) {
	storetest.RunLossy(t, start(t), func(t *testing.T, proxy string) store.Store {
		t.Setenv("AWS_ENDPOINT_URL_S3", proxy)
		return newStore(t, bucket, "")
	})
}

// TestRefused asks a real server for what it refuses.
func TestRefused(t *testing.T) {
	start(t)
	t.Run("missing bucket", func(t *testing.T) {
		storetest.RunRefused(t, newStore(t, "no-such-bucket", ""), "create the bucket no-such-bucket")
	})
	t.Run("wrong secret", func(t *testing.T) {
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
		storetest.RunRefused(t, newStore(t, bucket, ""), "check AWS_PROFILE or AWS_ACCESS_KEY_ID")
	})
	t.Run("no credentials", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		t.Setenv("HOME", t.TempDir())
		storetest.RunRefused(t, newStore(t, bucket, ""), "there are no credentials; set AWS_PROFILE")
	})
}

// TestNobodyThere names a server that does not run.
func TestNobodyThere(t *testing.T) {
	server.UseS3(t, "http://127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := newStore(t, bucket, "").Stat(ctx, "key")
	if err == nil || !strings.Contains(err.Error(), "check the network, and AWS_ENDPOINT_URL") {
		t.Errorf("got error %v, want one that says to check the network", err)
	}
}

// TestRefusedInWords has a server that refuses everything, in the words of a real one.
func TestRefusedInWords(t *testing.T) {
	server.UseS3(t, "")
	for code, want := range map[string]struct {
		status int
		cure   string
	}{
		"XMinioStorageFull": {http.StatusInsufficientStorage, "the store is full"},
		"PermanentRedirect": {http.StatusMovedPermanently, "set AWS_REGION"},
	} {
		t.Run(code, func(t *testing.T) {
			refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(want.status)
				_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
			}))
			defer refuse.Close()
			t.Setenv("AWS_ENDPOINT_URL_S3", refuse.URL)
			err := newStore(t, bucket, "").Create(t.Context(), "key", strings.NewReader("x"))
			if err == nil || !strings.Contains(err.Error(), want.cure) {
				t.Errorf("got error %v, want one that says %q", err, want.cure)
			}
		})
	}
}

// TestEndpoint refuses an endpoint that holds a password, and does not repeat it.
func TestEndpoint(t *testing.T) {
	for _, endpoint := range []string{"http://user:pass-word@server", "user:pass-word@server", "ftp://pass-word"} {
		t.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
		_, err := s3.New(t.Context(), bucket, "")
		if err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL_S3") || strings.Contains(err.Error(), "pass-word") {
			t.Errorf("New at %s: got error %v, want one that names the variable and not its value", endpoint, err)
		}
	}
}
