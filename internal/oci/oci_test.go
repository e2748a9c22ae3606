package oci

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

func TestManifestAndTag(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		ctx, c := t.Context(), quick(t)
		repository := registry.Start(t, kind).Host + "/a/b"
		index, _ := pushIndex(t, repository)
		if _, err := c.Resolve(ctx, repository, "stable"); !errors.Is(err, ErrAbsent) {
			t.Errorf("resolve an absent tag: %v", err)
		}
		absent := sum([]byte("absent"))
		for _, repository := range []string{repository, repository + "/absent"} {
			if _, err := c.Manifest(ctx, repository, absent); !errors.Is(err, ErrAbsent) {
				t.Errorf("get an absent manifest: %v", err)
			}
			if err := c.Delete(ctx, repository, absent); !errors.Is(err, ErrAbsent) {
				t.Errorf("delete an absent manifest: %v", err)
			}
		}
		m, err := c.Manifest(ctx, repository, index)
		if err != nil {
			t.Fatal(err)
		}
		if m.Digest != index || m.MediaType != string(types.OCIImageIndex) || sum(m.Raw) != index {
			t.Errorf("manifest is %s %s", m.Digest, m.MediaType)
		}
		if err := c.Tag(ctx, repository, "stable", m); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Resolve(ctx, repository, "stable"); err != nil || got != index {
			t.Errorf("the tag is %s, %v, want %s", got, err, index)
		}
		if err := c.CheckPush(ctx, repository); err != nil {
			t.Error(err)
		}
		if err := c.Delete(ctx, repository, index); err != nil {
			t.Error(err)
		}
		if _, err := c.Manifest(ctx, repository, index); !errors.Is(err, ErrAbsent) {
			t.Errorf("get a deleted manifest: %v", err)
		}
	})
}

// One request reads a manifest and one writes a tag; a registry is asked once how to
// log in.
func TestRequestsAreFew(t *testing.T) {
	const edges = 10
	each(t, func(t *testing.T, kind registry.Kind) {
		ctx, c := t.Context(), quick(t)
		proxy := registry.NewProxy(t, registry.Start(t, kind).Host)
		var digests []string
		for i := range edges {
			digests = append(digests, pushImage(t, fmt.Sprintf("%s/r%d", proxy.Host, i)))
		}
		proxy.Forget()
		for i, digest := range digests {
			repository := fmt.Sprintf("%s/r%d", proxy.Host, i)
			m, err := c.Manifest(ctx, repository, digest)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Tag(ctx, repository, "next", m); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[string]int{}
		for _, request := range proxy.Requests() {
			seen[request.Method]++
		}
		if diff := cmp.Diff(map[string]int{"GET": edges + 1, "PUT": edges}, seen); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if got, want := c.Requests()[proxy.Host], 2*edges+2; got != want { // https is tried first
			t.Errorf("the client counts %d requests, want %d", got, want)
		}
	})
}

func TestTags(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		host := registry.Start(t, kind).Host
		for _, n := range []int{0, 3, 10, 15, 20, 37} {
			c, repository := quick(t), fmt.Sprintf("%s/many%d", host, n)
			c.pageSize = 10
			want := tagged(t, c, repository, n)
			got := allTags(t, c, repository)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d tags (-want +got):\n%s", n, diff)
			}
		}
	})
}

// tagged lets n tags name one image.
func tagged(t *testing.T, c *Client, repository string, n int) (tags []string) {
	t.Helper()
	if n == 0 {
		return nil
	}
	m, err := c.Manifest(t.Context(), repository, pushImage(t, repository))
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		tags = append(tags, fmt.Sprintf("t%05d", i))
	}
	work := make(chan string, n)
	for _, tag := range tags {
		work <- tag
	}
	close(work)
	done := make(chan error)
	for range 8 {
		go func() {
			var failed error
			for tag := range work {
				failed = errors.Join(failed, c.Tag(context.WithoutCancel(t.Context()), repository, tag, m))
			}
			done <- failed
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	return tags
}

// Who stops listening stops asking.
func TestTagsStop(t *testing.T) {
	c, host := quick(t), registry.Start(t, registry.InProcess).Host
	tagged(t, c, host+"/many", 3)
	for tag := range c.Tags(t.Context(), host+"/many") {
		if tag != "t00000" {
			t.Errorf("got %s", tag)
		}
		break
	}
}

func TestBadNames(t *testing.T) {
	ctx, c := t.Context(), New(Config{})
	good := sum(nil)
	calls := map[string]func() error{
		"no registry": func() error { _, err := c.Manifest(ctx, "a/b", good); return err },
		"upper case":  func() error { _, err := c.Resolve(ctx, "h.example/A", "x"); return err },
		"bad tag":     func() error { return c.Tag(ctx, "h.example/a", "../x", Manifest{}) },
		"bad digest":  func() error { _, err := c.Manifest(ctx, "h.example/a", "sha256:00"); return err },
		"sha512":      func() error { return c.Delete(ctx, "h.example/a", "sha512:"+strings.Repeat("0", 128)) },
		"a tag's way": func() error { return c.Copy(ctx, "h.example/a", "h.example/b", "latest") },
		"of nothing":  func() error { _, err := c.Referrers(ctx, "h.example/a", ""); return err },
		"to nothing":  func() error { _, err := c.Attach(ctx, "h.example/a", "x", Attachment{}); return err },
		"other bytes": func() error {
			host := registry.Start(t, registry.InProcess).Host
			return c.Tag(ctx, host+"/a", "x", Manifest{Digest: good, Raw: []byte("x")})
		},
	}
	for _, title := range slices.Sorted(maps.Keys(calls)) {
		if err := calls[title](); err == nil {
			t.Errorf("%s is taken", title)
		}
	}
}

// Some registries leave the digest out of a HEAD's answer.
func TestResolveWithoutHeader(t *testing.T) {
	c := quick(t)
	raw := []byte(`{"schemaVersion":2,"config":{},"layers":[]}`)
	host := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", string(types.OCIManifestSchema1))
		if strings.Contains(r.URL.Path, "/manifests/") {
			_, _ = w.Write(raw)
		}
	})
	got, err := c.Resolve(t.Context(), host+"/a", "v1")
	if err != nil || got != sum(raw) {
		t.Errorf("got %s, %v", got, err)
	}
}
