package gcs_test

import (
	"context"
	"fmt"
	"testing"

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
