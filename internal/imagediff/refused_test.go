package imagediff

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

// What is broken is refused, and never taken for an image without packages.
func TestRefused(t *testing.T) {
	w := newWorld(t, registry.InProcess)
	base := layer(t, map[string]string{status: deb("curl", "8.1-1")})
	whole := gzipped(t, archive(t, map[string]string{status: deb("curl", "8.2-1")}))
	huge := map[string]string{status: strings.Repeat("X: "+strings.Repeat("x", 1<<10)+"\n", maxDatabase>>10)}
	parts := map[string]string{}
	for i := range 10 {
		parts[fmt.Sprintf("%s.d/%d", status, i)] = "Package: a\nVersion: 1\n" + strings.Repeat("X: x\n", 8<<20/5)
	}
	tests := map[string]struct {
		layer []byte
		want  string
	}{
		"cut":                  {whole[:len(whole)-20], "unexpected EOF"},
		"cut in its checksum":  {whole[:len(whole)-4], "no whole layer: unexpected EOF"},
		"byte changed":         {flipped(whole), "no whole layer"},
		"no archive":           {[]byte("hello, world"), "no whole layer"},
		"no archive in gzip":   {gzipped(t, []byte(strings.Repeat("hello", 1000))), "no whole layer"},
		"huge status":          {gzipped(t, archive(t, huge)), `"var/lib/dpkg/status": the package databases of the layer have more than 64 MiB`},
		"huge parts":           {gzipped(t, archive(t, parts)), "more than 64 MiB"},
		"no status":            {gzipped(t, archive(t, map[string]string{status: "hello\n"})), `line 1: "hello" is no field`},
		"package twice":        {gzipped(t, archive(t, map[string]string{status: "Package: a\nPackage: b\nVersion: 1\n"})), "line 2: Package"},
		"no version":           {gzipped(t, archive(t, map[string]string{status: "Package: a\nStatus: install ok installed\n\n"})), "has no name or no version"},
		"what terminals obey":  {gzipped(t, archive(t, map[string]string{status: deb("a\x1b[2J", "1")})), "is no word"},
		"zstd that looks back": {zstdWindow(), "no whole layer: window size exceeded"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := w.tryDiff(image(t, nil, base), image(t, nil, base, static.NewLayer(tt.layer, types.OCILayer)))
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "sha256:") {
				t.Errorf("got %q, error %v; want one with %q", said(d.Platforms[0].Packages), err, tt.want)
			}
		})
	}
}

func flipped(raw []byte) []byte {
	raw = bytes.Clone(raw)
	raw[len(raw)/2] ^= 1
	return raw
}

// zstdWindow is the beginning of a frame that wants to look back 1 GiB.
func zstdWindow() []byte {
	return []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00}
}

// A registry that sends wrong bytes of a layer is refused; one that mends itself is not.
func TestWrongBytes(t *testing.T) {
	w := newWorld(t, registry.InProcess)
	base := layer(t, map[string]string{status: deb("curl", "8.1-1")})
	top := layer(t, map[string]string{status: deb("curl", "8.2-1")})
	a, b := w.read(w.push(image(t, nil, base))), w.read(w.push(image(t, nil, base, top)))
	for _, fault := range []registry.Fault{registry.WrongBytes, registry.Truncate, registry.Broken} {
		w.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{fault}})
		err := ReadPackages(t.Context(), w.client, &a, &b, nil)
		if err == nil || !strings.Contains(err.Error(), "registry "+w.Host) || len(a.Platforms[0].Packages) > 0 {
			t.Errorf("%s: got error %v and packages %v", fault, err, a.Platforms[0].Packages)
		}
	}
	w.Break(registry.Breakage{Share: 0.3, Seed: 3, Faults: []registry.Fault{registry.WrongBytes, registry.Truncate, registry.Broken, registry.Reset}})
	if err := ReadPackages(t.Context(), w.client, &a, &b, nil); err != nil {
		t.Log(err)
	} else if got := said(Compare(a, b).Platforms[0].Packages); got != "curl 8.2-1 amd64 [upgraded from: 8.1-1]" {
		t.Errorf("from a faulty registry: got %q", got)
	}
}
