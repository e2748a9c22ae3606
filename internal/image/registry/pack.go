package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// compression is fixed, like the compressor, so that equal layers give equal blobs.
const compression = 6

// packed is an image whose layers are compressed the same way everywhere. Its
// configuration is the built image's, byte for byte, and its manifest holds nothing
// but the two: so it depends on the image's content only.
type packed struct {
	config   []byte
	manifest []byte
	layers   map[v1.Hash]*blob
}

// pack compresses the layers of the one image of an OCI layout, in that folder.
func pack(folder string) (v1.Image, error) {
	img, err := onlyImage(folder)
	if err != nil {
		return nil, err
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, err
	}
	blobs := make([]*blob, len(layers))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, layer := range layers {
		group.Go(func() (err error) {
			blobs[i], err = compress(layer, filepath.Join(folder, fmt.Sprintf("layer-%d.tar.gz", i)))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return assemble(img, blobs)
}

func onlyImage(folder string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s holds %d images instead of one", folder, len(manifest.Manifests))
	}
	return index.Image(manifest.Manifests[0].Digest)
}

// assemble makes the image of a configuration and its compressed layers.
func assemble(img v1.Image, blobs []*blob) (v1.Image, error) {
	p := &packed{layers: map[v1.Hash]*blob{}}
	var err error
	if p.config, err = img.RawConfigFile(); err != nil {
		return nil, err
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	digest, size, err := v1.SHA256(bytes.NewReader(p.config))
	if err != nil {
		return nil, err
	}
	manifest.Config = v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: digest, Size: size}
	for _, b := range blobs {
		p.layers[b.digest] = b
		manifest.Layers = append(manifest.Layers, v1.Descriptor{MediaType: types.OCILayer, Digest: b.digest, Size: b.size})
	}
	if p.manifest, err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(p)
}

func (p *packed) RawConfigFile() ([]byte, error)      { return p.config, nil }
func (p *packed) RawManifest() ([]byte, error)        { return p.manifest, nil }
func (p *packed) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (p *packed) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if b, ok := p.layers[h]; ok {
		return b, nil
	}
	return nil, fmt.Errorf("the image has no blob %s", h)
}

// blob is a compressed layer in a file.
type blob struct {
	path   string
	digest v1.Hash
	size   int64
}

func (b *blob) Digest() (v1.Hash, error)            { return b.digest, nil }
func (b *blob) Size() (int64, error)                { return b.size, nil }
func (b *blob) MediaType() (types.MediaType, error) { return types.OCILayer, nil }
func (b *blob) Compressed() (io.ReadCloser, error)  { return os.Open(b.path) }

// compress writes a layer's compressed form to path.
func compress(layer v1.Layer, path string) (*blob, error) {
	plain, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	hash := sha256.New()
	zipper, err := gzip.NewWriterLevel(io.MultiWriter(file, hash), compression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(zipper, plain); err != nil {
		return nil, err
	}
	if err := zipper.Close(); err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(hash.Sum(nil))}
	return &blob{path: path, digest: digest, size: info.Size()}, file.Close()
}
