// Package storeurl opens the store that a person names.
//
// It is the one place that links every driver, and with them the clouds' SDKs;
// everything else knows store.Store alone.
package storeurl

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/store/gcs"
	"slipway.dev/slipway/internal/store/s3"
)

// Forms says which names Open takes, for the help of a --store option.
const Forms = "a folder, gs://bucket/prefix or s3://bucket/prefix"

// Open opens a store by its name: gs://bucket/prefix, s3://bucket/prefix,
// file:///folder, or the path of a folder. The prefix may be missing. Opening
// asks no server for anything. Credentials come from where the cloud's own tools
// take them, never from the name.
func Open(ctx context.Context, name string) (store.Store, error) {
	scheme, rest, isURL := strings.Cut(name, "://")
	switch {
	case name == "":
		return nil, fmt.Errorf("the store has no name; give %s", Forms)
	case !isURL:
		return folder.New(name)
	case scheme == "file":
		return openFile(name)
	case scheme != "gs" && scheme != "s3":
		return nil, fmt.Errorf("a store cannot be at %s://; give %s", scheme, Forms)
	}
	bucket, prefix, err := split(scheme, rest)
	if err != nil {
		return nil, err
	}
	if scheme == "gs" {
		return gcs.New(ctx, bucket, prefix)
	}
	return s3.New(ctx, bucket, prefix)
}

// split takes a bucket and a prefix apart. Its errors do not repeat what stands
// before an @, since that may be a password.
func split(scheme, rest string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	switch {
	case strings.Contains(bucket, "@"):
		return "", "", fmt.Errorf("the store's name %s://...@... holds credentials; they come from the environment, as docs/store.md says", scheme)
	case bucket == "":
		return "", "", fmt.Errorf("the store %s://%s names no bucket; write %s://bucket/prefix", scheme, rest, scheme)
	}
	if err := store.CheckPrefix(prefix); err != nil {
		return "", "", fmt.Errorf("the store %s://%s: %w", scheme, rest, err)
	}
	return bucket, prefix, nil
}

func openFile(name string) (store.Store, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host != "" || u.Path == "" {
		return nil, fmt.Errorf("the store %s is no file:///folder; write three slashes, or the folder's path alone", name)
	}
	return folder.New(u.Path)
}
