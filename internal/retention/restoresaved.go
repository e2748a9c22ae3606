package retention

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/store"
)

// check sees that a manifest's bytes are those that its digest names.
func (s Saved) check() (facts, error) {
	digest, err := parseSum(s.Digest)
	if err != nil {
		return facts{}, err
	}
	if got := sum(sha256.Sum256(s.Raw)); got != digest {
		return facts{}, fmt.Errorf("its bytes are those of %s", got)
	}
	f, err := parseFacts(s.Raw)
	if err != nil {
		return facts{}, err
	}
	blobs, err := blobsOf(s.Raw)
	f.Children = slices.DeleteFunc(f.Children, func(child sum) bool { return blobs[child.String()] })
	return f, err
}

// blobsOf are what an index names that is no manifest, as those of build caches do.
func blobsOf(raw []byte) (map[string]bool, error) {
	var index struct {
		Manifests []struct {
			MediaType types.MediaType
			Digest    string
		}
	}
	err := json.Unmarshal(raw, &index)
	blobs := map[string]bool{}
	for _, d := range index.Manifests {
		if d.MediaType != "" && !d.MediaType.IsImage() && !d.MediaType.IsIndex() {
			blobs[d.Digest] = true
		}
	}
	return blobs, err
}

// raw reads the bytes of entries, each file once.
func (p *Planner) raw(ctx context.Context, entries []entry) (map[string][]byte, error) {
	wanted := map[string]map[string]bool{} // digests, by file
	for _, e := range entries {
		if wanted[e.key] == nil {
			wanted[e.key] = map[string]bool{}
		}
		wanted[e.key][e.Digest] = true
	}
	raw := map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		var file SavedFile
		if err := store.ReadJSON(ctx, p.Store, key, &file); err != nil {
			return nil, err
		}
		for _, saved := range file.Manifests {
			if wanted[key][saved.Digest] {
				raw[saved.Digest] = saved.Raw // whose digest is checked again when it is put
			}
		}
	}
	return raw, nil
}
