package oci

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
)

// family is an index with companions.
type family struct {
	index, image             string
	sbom, signature, ofImage string // of the index, of the SBOM, of the image
}

func pushFamily(t *testing.T, c *Client, repository string) (f family) {
	t.Helper()
	f.index, f.image = pushIndex(t, repository)
	f.sbom = attach(t, c, repository, f.index, "sbom")
	f.signature = attach(t, c, repository, f.sbom, "signature")
	f.ofImage = attach(t, c, repository, f.image, "attestation")
	return f
}

// check says whether a repository holds a whole family and no tag of its own.
func (f family) check(t *testing.T, c *Client, repository string) {
	t.Helper()
	index, err := remote.Index(reference(t, repository, f.index))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	for subject, want := range map[string]string{f.index: f.sbom, f.sbom: f.signature, f.image: f.ofImage} {
		if diff := cmp.Diff([]string{want}, listed(t, c, repository, subject)); diff != "" {
			t.Errorf("referrers of %s (-want +got):\n%s", subject, diff)
		}
		artifact, err := remote.Image(reference(t, repository, want))
		if err != nil {
			t.Fatal(err)
		}
		layers, err := artifact.Layers()
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Layer(layers[0], validate.Fast); err != nil {
			t.Error(err)
		}
	}
	for _, tag := range allTags(t, c, repository) {
		if !strings.HasPrefix(tag, "sha256-") {
			t.Errorf("tag %s was written", tag)
		}
	}
}

func isBlobUpload(r registry.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.Path, "/blobs/uploads/")
}

func TestCopy(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		ctx, c := t.Context(), quick(t)
		from := registry.Start(t, kind).Host
		family := pushFamily(t, c, from+"/made/image")
		kinds := registry.Kinds()
		next := kinds[(slices.Index(kinds, kind)+1)%len(kinds)]
		others := []registry.Server{{Host: from}, registry.Start(t, kind), registry.Start(t, next)}
		for _, other := range others {
			proxy := registry.NewProxy(t, other.Host)
			source := from
			if other.Host == from {
				source = proxy.Host // one registry has one name
			}
			to := proxy.Host + "/kept/image"
			if err := c.Copy(ctx, source+"/made/image", to, family.index); err != nil {
				t.Fatal(err)
			}
			family.check(t, c, to)
			if n := proxy.Count(isBlobUpload); n > 0 && source == proxy.Host {
				t.Errorf("%d blobs were sent within one registry", n)
			}
			if puts := len(proxy.Puts()); (puts == 0) != other.HasReferrers() && other.Kind != "" {
				t.Errorf("%d tags were written", puts)
			}
			proxy.Forget()
			if err := c.Copy(ctx, source+"/made/image", to, family.index); err != nil {
				t.Fatal(err)
			}
			if n := proxy.Count(registry.Request.IsWrite); n > 0 {
				t.Errorf("the second copy writes %d times", n)
			}
		}
	})
}

// A registry that refuses to mount is sent the blobs.
func TestCopyWithoutMounts(t *testing.T) {
	ctx, c := t.Context(), quick(t)
	proxy := registry.NewProxy(t, registry.Start(t, registry.Debian).Host)
	digest := pushImage(t, proxy.Host+"/a")
	proxy.Break(registry.Breakage{Status: http.StatusForbidden, Match: func(r *http.Request) bool { return r.URL.Query().Has("mount") }})
	if err := c.Copy(ctx, proxy.Host+"/a", proxy.Host+"/b", digest); err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(reference(t, proxy.Host+"/b", digest))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image, validate.Fast); err != nil {
		t.Error(err)
	}
}

// Nothing is asked to copy an image to where it is.
func TestCopyToItself(t *testing.T) {
	if err := quick(t).Copy(t.Context(), "127.0.0.1:1/a", "127.0.0.1:1/a", sum(nil)); err != nil {
		t.Error(err)
	}
}

// A fallback tag may name what is gone, or what refers to something else.
func TestStaleReferrersAreNotCopied(t *testing.T) {
	ctx, c := t.Context(), quick(t)
	host := registry.Start(t, registry.Debian).Host
	family := pushFamily(t, c, host+"/a")
	if err := c.Delete(ctx, host+"/a", family.sbom); err != nil {
		t.Fatal(err)
	}
	m, err := c.Manifest(ctx, host+"/a", family.ofImage)
	if err != nil {
		t.Fatal(err)
	}
	entry, err := describe(m, family.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.addReferrers(ctx, host+"/a", family.index, []v1.Descriptor{entry}); err != nil {
		t.Fatal(err)
	}
	if err := c.Copy(ctx, host+"/a", host+"/b", family.index); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, c, host+"/b", family.index); len(got) != 0 {
		t.Errorf("copied as referrers of the index: %q", got)
	}
	if diff := cmp.Diff([]string{family.ofImage}, listed(t, c, host+"/b", family.image)); diff != "" {
		t.Errorf("referrers of the image (-want +got):\n%s", diff)
	}
}

// A copy from and to registries of which every third answer is wrong ends in time: right,
// or in an error that names what was to be copied. Nothing wrong is ever there.
func TestFaults(t *testing.T) {
	rounds := 1
	if os.Getenv("SLIPWAY_E2E") == "promotion" {
		rounds = 25
	}
	each(t, func(t *testing.T, kind registry.Kind) {
		from := registry.NewProxy(t, registry.Start(t, kind).Host)
		to := registry.NewProxy(t, registry.Start(t, kind).Host)
		family := pushFamily(t, quick(t), from.Host+"/a")
		for i := range rounds {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			from.Break(registry.Breakage{Seed: seed, Share: 0.3})
			to.Break(registry.Breakage{Seed: seed + 1, Share: 0.3})
			c := New(Config{Idle: 100 * time.Millisecond, Deadline: 5 * time.Second, Backoff: 2 * time.Millisecond})
			repository := fmt.Sprintf("%s/b%d", to.Host, i)
			begin := time.Now()
			err := c.Copy(t.Context(), from.Host+"/a", repository, family.index)
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			from.Break(registry.Breakage{})
			to.Break(registry.Breakage{})
			if err != nil {
				t.Logf("it ends in: %v", err)
				if !strings.Contains(err.Error(), family.index) || !strings.Contains(err.Error(), "registry ") {
					t.Error("the error names neither the index nor a registry")
				}
				if err := c.Copy(t.Context(), from.Host+"/a", repository, family.index); err != nil {
					t.Errorf("the next copy: %v", err)
				}
			}
			family.check(t, c, repository)
		}
	})
}

// Other people's program reads what was copied.
func TestSkopeoReads(t *testing.T) {
	need.Tool(t, "skopeo", "skopeo")
	each(t, func(t *testing.T, kind registry.Kind) {
		ctx, c := t.Context(), quick(t)
		from, to := registry.Start(t, registry.InProcess).Host, registry.Start(t, kind).Host
		family := pushFamily(t, c, from+"/a")
		if err := c.Copy(ctx, from+"/a", to+"/b", family.index); err != nil {
			t.Fatal(err)
		}
		name := "docker://" + to + "/b@" + family.index
		raw, err := exec.Output(ctx, exec.Cmd{Args: []string{"skopeo", "inspect", "--tls-verify=false", "--raw", name}})
		if err != nil || sum(raw) != family.index {
			t.Errorf("skopeo inspect: %s, %v", sum(raw), err)
		}
		copied := "oci:" + filepath.Join(t.TempDir(), "copied") + ":x"
		err = exec.Run(ctx, exec.Cmd{Args: []string{
			"skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false", name, copied}})
		if err != nil {
			t.Errorf("skopeo copy: %v", err)
		}
	})
}
