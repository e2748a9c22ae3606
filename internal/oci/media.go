package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// acceptable are the media types of manifests that images and their companions have.
const acceptable = string(types.OCIImageIndex) + ", " + string(types.OCIManifestSchema1) + ", " +
	string(types.DockerManifestList) + ", " + string(types.DockerManifestSchema2)

// DigestError is bytes of another digest than their name says.
type DigestError struct{ Want, Got string }

func (e *DigestError) Error() string { return "the digest is " + e.Got + " instead of " + e.Want }

// MediaTypeError is a manifest whose media type is unknown, or not what it says of
// itself: two programs could take it for two images.
type MediaTypeError struct {
	Name   string
	Header string // what the registry says
	Body   string // what the manifest says or shows
}

func (e *MediaTypeError) Error() string {
	if e.Body == "" {
		return fmt.Sprintf("%s is of media type %q, which is no image's or index's; push it again as an OCI image", e.Name, e.Header)
	}
	return fmt.Sprintf("%s is given as %q, but is %q; push it again, and ask who wrote it", e.Name, e.Header, e.Body)
}

// sum is a digest of bytes.
func sum(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func checkDigest(digest string) error {
	hash, err := v1.NewHash(digest)
	if err == nil && (hash.Algorithm != "sha256" || hash.Hex != strings.ToLower(hash.Hex)) {
		err = errors.New("it is not sha256 in lower case")
	}
	if err != nil {
		return fmt.Errorf("digest %q: %w; it looks like sha256:0123456789abcdef…", digest, err)
	}
	return nil
}

func isKnown(mediaType string) bool {
	given := types.MediaType(mediaType)
	return given.IsImage() || given.IsIndex()
}

// checkBody refuses a manifest that is not what it is given as.
func checkBody(name string, m Manifest) error {
	given := types.MediaType(m.MediaType)
	var body struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Config    json.RawMessage `json:"config"`
		Layers    json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(m.Raw, &body); err != nil {
		return fmt.Errorf("read manifest %s: %w; push it again", name, err)
	}
	says := body.MediaType
	switch {
	case says != "" && says != m.MediaType:
	case given.IsIndex() && (body.Config != nil || body.Layers != nil):
		says = "an image as well"
	case given.IsImage() && body.Manifests != nil:
		says = "an index as well"
	default:
		return nil
	}
	return &MediaTypeError{Name: name, Header: m.MediaType, Body: says}
}
