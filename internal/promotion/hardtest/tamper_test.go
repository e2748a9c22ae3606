package hardtest

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
)

// samples are so many bytes of each thing that are changed, one at a time.
const samples = 25

// place finds the file of something that a request stands on.
type place func(g *gated, r promotion.Request, digest string) (path string)

// TestOneByteChanged changes one byte of something that a promotion stands on. It is
// refused every time, and goes through when the byte is put back.
func TestOneByteChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		channel string // that is to move
		place   place  // of the byte
		lies    string // or a part of the paths that a registry lies about
		reason  string
	}{
		"manifest in the store":        {channel: "os/testing", place: blob("store"), reason: "corrupt"},
		"manifest in the registry":     {channel: "os/next", lies: "/manifests/", reason: "wrong bytes"},
		"manifest that is copied":      {channel: "os/stable", lies: "/manifests/", reason: "wrong bytes"},
		"blob that is copied":          {channel: "os/stable", lies: "/blobs/", reason: "wrong bytes"},
		"file":                         {channel: "disk/staging", place: blob("staging"), reason: "corrupt"},
		"file that is copied":          {channel: "disk/live", place: blob("staging"), reason: "corrupt"},
		"file that lies there already": {channel: "disk/live", place: broughtBlob, reason: "corrupt"},
		"evidence":                     {channel: "os/testing", place: evidenceOf("boot"), reason: "is damaged"},
		"evidence of a file":           {channel: "disk/live", place: evidenceOf("boot"), reason: "is damaged"},
		"approval":                     {channel: "os/testing", place: approvalOf, reason: "is damaged"},
		"first intent of the channel":  {channel: "os/testing", place: record("os/testing", 0), reason: "the ledger is broken"},
		"end of the channel's move":    {channel: "os/testing", place: record("os/testing", 1), reason: "the ledger is broken"},
		"first record of the entry":    {channel: "os/next", place: record("os/next", 0), reason: "the ledger is broken"},
		"intent of the channel before": {channel: "os/testing", place: record("os/next", 2), reason: "the ledger is broken"},
		"last record of the source":    {channel: "os/testing", place: record("os/next", 3), reason: "the ledger is broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			g := newGated(t)
			first, _ := g.bring(tt.channel)
			g.mustPromote(first) // so that the pointer is somewhere
			r, digest := g.bring(tt.channel)
			for range samples {
				restore := func() { g.liar.lie("", nil) }
				if tt.place != nil {
					restore = g.flip(tt.place(g, r, digest), random)
				}
				g.liar.lie(tt.lies, random)
				g.wantRefused(r, tt.reason)
				restore()
			}
			if tt.lies != "" && g.liar.lies < samples {
				t.Errorf("%d lies in %d promotions", g.liar.lies, samples)
			}
			g.mustPromote(r)
		})
	}
}

// blob is the artifact's own, or its manifest, in a store beside the configuration.
func blob(name string) place {
	return func(g *gated, _ promotion.Request, digest string) string {
		return filepath.Join(filepath.Dir(g.Config), name, store.BlobKey(strings.TrimPrefix(digest, "sha256:")))
	}
}

// broughtBlob is a file that an earlier run brought to the store of disk/live.
func broughtBlob(g *gated, r promotion.Request, digest string) string {
	path := blob("live")(g, r, digest)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		text, err := os.ReadFile(blob("staging")(g, r, digest))
		if err != nil {
			g.Fatal(err)
		}
		g.replace(path, text)
	}
	return path
}

func evidenceOf(test string) place {
	return func(g *gated, _ promotion.Request, digest string) string {
		return g.only("evidence/" + strings.TrimPrefix(digest, "sha256:") + "/" + test + "/")
	}
}

func approvalOf(g *gated, r promotion.Request, _ string) string {
	return g.only("decisions/" + strings.TrimPrefix(g.plan(r).Hash, "sha256:") + "/")
}

func record(full string, sequence int) place {
	return func(g *gated, _ promotion.Request, _ string) string { return g.record(full, sequence) }
}

// only is the path of the one object below a prefix.
func (g *gated) only(prefix string) string {
	g.Helper()
	var found []string
	for key, err := range g.store.List(g.Context(), prefix) {
		if err != nil {
			g.Fatal(err)
		}
		found = append(found, key)
	}
	if len(found) != 1 {
		g.Fatalf("below %s lie %q", prefix, found)
	}
	return g.path(found[0])
}

// flip changes a byte of a file, until restore.
func (g *gated) flip(path string, random *rand.Rand) (restore func()) {
	g.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		g.Fatal(err)
	}
	g.replace(path, flipped(text, random))
	return func() { g.replace(path, text) }
}

// replace puts other bytes where a store created some.
func (g *gated) replace(path string, data []byte) {
	g.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.WriteFile(path, data, 0o444)); err != nil {
		g.Fatal(err)
	}
}
