package release

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/version"
)

// A release's document is the bytes of its release.json. A channel names it by their
// digest, so they are kept a second time, as a blob.

// maxDocument bounds a document: about twenty thousand artifacts.
const maxDocument = 16 << 20

var fullDigest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Document reads the bytes of a version's release.json, strictly, and their digest. The
// error is store.ErrNotFound if the release is not complete.
func (r Records) Document(ctx context.Context, v version.Version) (data []byte, digest string, err error) {
	key := r.versionKey(v, releaseFile)
	body, err := r.Store.Open(ctx, key)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = body.Close() }()
	data, rel, err := ReadDocument(body)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", r.Store.URL(key), err)
	}
	if rel.Version != v || rel.Repository.String() != r.Repository.String() {
		return nil, "", fmt.Errorf("read %s: it is the release %s of %s", r.Store.URL(key), rel.Version, rel.Repository)
	}
	digest, _, err = store.Digest(bytes.NewReader(data))
	return data, "sha256:" + digest, err
}

// PutDocument stores a version's document as a blob beside those of its artifacts, so
// that a channel can name it, and returns its digest.
func (r Records) PutDocument(ctx context.Context, v version.Version) (digest string, err error) {
	data, _, err := r.Document(ctx, v)
	if err != nil {
		return "", err
	}
	digest, _, err = store.PutBlob(ctx, r.Store, bytes.NewReader(data))
	return "sha256:" + digest, err
}

// ReadDocument reads a document to its end. It must be, to the byte, what this program
// writes for the release that it describes: who moves a release by its document must not
// leave out what an unknown field names.
func ReadDocument(from io.Reader) (data []byte, rel Release, err error) {
	data, err = io.ReadAll(io.LimitReader(from, maxDocument+1))
	if err != nil {
		return nil, Release{}, err
	}
	if len(data) > maxDocument {
		return nil, Release{}, fmt.Errorf("it has more than %d bytes, which no release document has", maxDocument)
	}
	if err := json.Unmarshal(data, &rel); err != nil {
		return nil, Release{}, fmt.Errorf("it is no release document: %w", err)
	}
	return data, rel, rel.checkDocument(data)
}

func (r Release) checkDocument(data []byte) error {
	if r.Schema != Schema {
		return fmt.Errorf("it is no release document: its schema is %q, not %q", r.Schema, Schema)
	}
	own, err := store.MarshalJSON(r)
	if err != nil {
		return err
	}
	if !bytes.Equal(own, data) {
		return errors.New("it is no release document as this program writes it; if a newer one wrote it, use that")
	}
	if r.Version.IsZero() || r.Commit == "" || r.Repository.Org == "" || r.Repository.Name == "" {
		return errors.New("it is no release document: it names no repository, commit or version")
	}
	return r.checkArtifacts()
}

func (r Release) checkArtifacts() error {
	names := map[string]bool{}
	for _, a := range r.Artifacts() {
		switch {
		case a.Name != path.Base(a.Name) || a.Name == "." || a.Name == "..":
			return fmt.Errorf("artifact %q is not named by a file's name", a.Name)
		case names[a.Name]:
			return fmt.Errorf("artifact %s is there twice", a.Name)
		case !fullDigest.MatchString(a.Digest) || a.Size < 0:
			return fmt.Errorf("artifact %s has the digest %q and the size %d", a.Name, a.Digest, a.Size)
		}
		names[a.Name] = true
	}
	return nil
}
