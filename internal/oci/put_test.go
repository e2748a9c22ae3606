package oci

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

// What was deleted comes back by its digest, byte for byte, and is listed again.
func TestPutAndRefer(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		ctx, c := t.Context(), quick(t)
		repository := registry.Start(t, kind).Host + "/a"
		subject := pushImage(t, repository)
		signature := attach(t, c, repository, subject, "signature")
		want, err := c.Manifest(ctx, repository, signature)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := c.Resolve(ctx, repository, fallbackTag(subject)); err == nil {
			if err := c.Delete(ctx, repository, list); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Delete(ctx, repository, signature); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := errors.Join(c.Put(ctx, repository, want), c.Refer(ctx, repository, want)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.Manifest(ctx, repository, signature)
		if err != nil || !bytes.Equal(got.Raw, want.Raw) || got.MediaType != want.MediaType {
			t.Errorf("it came back as %+v, %v, want %+v", got, err, want)
		}
		if diff := cmp.Diff([]string{signature}, listed(t, c, repository, subject)); diff != "" {
			t.Errorf("referrers (-want +got):\n%s", diff)
		}
	})
}

// Nothing is put under a name or as a kind that its bytes contradict.
func TestPutRefuses(t *testing.T) {
	c, repository := quick(t), registry.Start(t, registry.InProcess).Host+"/a"
	raw := []byte(`{"schemaVersion":2,"mediaType":"` + string(types.OCIManifestSchema1) + `","config":{},"layers":[]}`)
	image := Manifest{sum(raw), string(types.OCIManifestSchema1), raw}
	tests := map[string]Manifest{
		"other bytes":  {sum(nil), image.MediaType, raw},
		"no digest":    {"latest", image.MediaType, raw},
		"as an index":  {image.Digest, string(types.OCIImageIndex), raw},
		"as a text":    {image.Digest, "text/plain", raw},
		"another kind": {image.Digest, string(types.DockerManifestSchema2), raw},
	}
	for name, m := range tests {
		if err := c.Put(t.Context(), repository, m); err == nil {
			t.Errorf("%s: it was put", name)
		}
	}
	if err := c.Put(t.Context(), repository, image); err != nil {
		t.Errorf("the image itself: %v", err)
	}
}

// A registry without the referrers API is asked for it once in each repository.
func TestReferrersAreAskedOnce(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		server := registry.Start(t, kind)
		proxy := registry.NewProxy(t, server.Host)
		c := quick(t)
		digests := map[string][]string{}
		for _, repository := range []string{proxy.Host + "/a", proxy.Host + "/b"} {
			for range 5 {
				subject := pushImage(t, repository)
				attach(t, quick(t), repository, subject, "signature")
				digests[repository] = append(digests[repository], subject)
			}
		}
		proxy.Forget()
		for repository, subjects := range digests {
			for _, subject := range subjects {
				if got := listed(t, c, repository, subject); len(got) != 1 {
					t.Errorf("%s has %d referrers, want 1", subject, len(got))
				}
			}
		}
		asked := proxy.Count(func(r registry.Request) bool { return strings.Contains(r.Path, "/referrers/") })
		want := len(digests)
		if server.HasReferrers() {
			want = 10
		}
		if asked != want {
			t.Errorf("the API was asked %d times, want %d", asked, want)
		}
	})
}

// What does not say for certain that there is no API is asked again: a repository that
// is not there yet, and something before the registry that lost its way.
func TestReferrersAreAskedAgain(t *testing.T) {
	tests := map[string]func(http.ResponseWriter){
		"a repository that is not there": func(w http.ResponseWriter) {
			w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"errors":[{"code":"NAME_UNKNOWN"}]}`))
		},
		"a load balancer": func(w http.ResponseWriter) { http.Error(w, "default backend - 404", http.StatusNotFound) },
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			broken, digest := true, sum([]byte("subject"))
			host := serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/v2/":
				case strings.Contains(r.URL.Path, "/referrers/") && !broken:
					w.Header().Set("Content-Type", string(types.OCIImageIndex))
					_, _ = w.Write([]byte(`{"schemaVersion":2,"manifests":[{"digest":"` + digest + `","size":1}]}`))
				default:
					answer(w)
				}
			})
			c := quick(t)
			for _, want := range []int{0, 1} {
				if got := listed(t, c, host+"/a", digest); len(got) != want {
					t.Errorf("got %d referrers, want %d", len(got), want)
				}
				broken = false
			}
		})
	}
}
