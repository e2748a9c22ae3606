package publish

import (
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/disk"
)

// blob is a disk as go-containerregistry sends it: read from its file, as often as it takes.
type blob struct {
	file disk.File
	path string
}

func (b blob) Digest() (v1.Hash, error)             { return v1.NewHash(b.file.Digest) }
func (b blob) DiffID() (v1.Hash, error)             { return b.Digest() }
func (b blob) Compressed() (io.ReadCloser, error)   { return os.Open(b.path) }
func (b blob) Uncompressed() (io.ReadCloser, error) { return os.Open(b.path) }
func (b blob) Size() (int64, error)                 { return b.file.Size, nil }
func (b blob) MediaType() (types.MediaType, error)  { return mediaType(b.file.Format), nil }
