package gcs_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/gcs"
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
	endpoint := server.StartGCS(t)
	client, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Bucket(bucket).Create(t.Context(), "project", nil); err != nil {
		t.Fatal(err)
	}
	return endpoint
}

func newStore(t *testing.T, bucket, prefix string) *gcs.Store {
	t.Helper()
	s, err := gcs.New(context.Background(), bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLostAnswers loses answers to writes.
func TestLostAnswers(t *testing.T) {
	storetest.RunLossy(t, start(t), func(t *testing.T, proxy string) store.Store {
		t.Setenv("STORAGE_EMULATOR_HOST", proxy)
		return newStore(t, bucket, "")
	})
}

// TestMissingBucket names a bucket that nobody made.
func TestMissingBucket(t *testing.T) {
	start(t)
	storetest.RunRefused(t, newStore(t, "no-such-bucket", ""), "create the bucket no-such-bucket")
}

// TestRefused has a server that refuses everything, in the words of the real one.
func TestRefused(t *testing.T) {
	for status, cure := range map[int]string{
		http.StatusUnauthorized: "run gcloud auth application-default login",
		http.StatusForbidden:    "grant them roles/storage.objectUser on the bucket " + bucket,
		http.StatusNotFound:     "create the bucket " + bucket,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			refuse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"error": {"code": %d, "message": "no"}}`, status)
			}))
			defer refuse.Close()
			t.Setenv("STORAGE_EMULATOR_HOST", refuse.URL)
			storetest.RunRefused(t, newStore(t, bucket, ""), cure)
		})
	}
}

// TestNoCredentials opens a store on a machine where nobody logged in.
func TestNoCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	_, err := gcs.New(t.Context(), bucket, "")
	if err == nil || !strings.Contains(err.Error(), "gcloud auth application-default login") {
		t.Errorf("got error %v, want one that says how to log in", err)
	}
}

// TestNobodyThere names an emulator that does not run.
func TestNobodyThere(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := newStore(t, bucket, "").Stat(ctx, "key")
	if err == nil || !strings.Contains(err.Error(), "check the network, and STORAGE_EMULATOR_HOST") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got error %v, want one that says to check the network", err)
	}
}
