// Package filestore moves files and releases through channels that lie in object stores.
//
// A file is a blob and a release is its document, each named by a digest; a channel is a
// pointer that names one. Bytes come first and the pointer last, so that what a channel
// names is always there, whole. Keys in a store:
//
//	blobs/sha256/<hex>                              a file, or a release's document
//	channels/<artifact>/<channel>.json              what the channel holds; changes by compare-and-swap
//	channels/<artifact>/versions/<version>.json     what a version is; created once, never changed
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/store"
)

// progressEvery is how often a transfer that takes long says so.
const progressEvery = 10 * time.Second

// Carrier brings blobs from one store into another. The zero value is useful. A transfer
// ends with its context, or when a store goes silent (store.Idle).
type Carrier struct {
	Scratch  string               // folder for files under way; empty is the system's for temporary files
	Progress func(message string) // told every ten seconds what is under way; nil is nobody
}

// Bring is Carrier.Bring by the zero Carrier.
func Bring(ctx context.Context, from, to store.Store, digest string) error {
	return Carrier{}.Bring(ctx, from, to, digest)
}

// Bring sees that the store to has the blob with a digest (sha256:<hex>), which from has.
// A blob that is there already is not sent again. One that is sent is verified on its way:
// what is not what its digest names never gets that name. Between a store and itself
// this only looks whether the blob is there.
func (c Carrier) Bring(ctx context.Context, from, to store.Store, digest string) error {
	const anySize = -1
	return c.bring(ctx, from, to, digest, anySize)
}

// bring also sees that the blob has a size, if that is not negative.
func (c Carrier) bring(ctx context.Context, from, to store.Store, digest string, size int64) error {
	key, err := blobKey(digest)
	if err != nil {
		return fmt.Errorf("bring a blob: %w", err)
	}
	there, err := isThere(ctx, from, to, key, size)
	if err == nil && !there {
		err = c.carry(ctx, from, to, digest)
	}
	if err != nil {
		return fmt.Errorf("bring %s to %s: %w", from.URL(key), to.URL(key), err)
	}
	return nil
}

// isThere compares sizes: objects are created whole or not at all, and the blobs that
// this project creates are verified before.
func isThere(ctx context.Context, from, to store.Store, key string, size int64) (bool, error) {
	source, err := from.Stat(ctx, key)
	if err != nil {
		return false, err
	}
	if size >= 0 && source.Size != size {
		return false, fmt.Errorf("%w: %s has %d bytes, not the %d of its release", store.ErrCorrupt, from.URL(key), source.Size, size)
	}
	target, err := to.Stat(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err == nil && target.Size != source.Size {
		err = fmt.Errorf("%w: one has %d bytes, the other %d; look which has the sha256 of its name, and remove the other by hand", store.ErrCorrupt, source.Size, target.Size)
	}
	return err == nil, err
}

// carry sends a blob by way of a file, since Create reads what it stores more than once.
func (c Carrier) carry(ctx context.Context, from, to store.Store, digest string) error {
	defer progress.Watch(progressEvery, "bring "+digest, c.Progress)()
	folder, remove, err := c.scratch()
	if err != nil {
		return err
	}
	defer remove()
	file, err := os.Create(filepath.Join(folder, "blob"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	body, err := store.OpenBlob(ctx, from, hexOf(digest))
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(file, body); err != nil {
		return err
	}
	// PutBlob names what is in the file now, whatever became of it since it was written.
	got, _, err := store.PutBlob(ctx, to, file)
	if err == nil && got != hexOf(digest) {
		err = fmt.Errorf("%w: the scratch file changed to %s", store.ErrCorrupt, got)
	}
	return err
}

func (c Carrier) scratch() (folder string, remove func(), err error) {
	parent := c.Scratch
	if parent == "" {
		parent = os.TempDir()
	}
	return scratch.Place{Parent: parent, Prefix: "slipway-bring-"}.Make()
}

var fullDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func blobKey(digest string) (string, error) {
	if !fullDigest.MatchString(digest) {
		return "", fmt.Errorf("%q is no digest; write sha256: and 64 hexadecimal digits", digest)
	}
	return store.BlobKey(hexOf(digest)), nil
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }
