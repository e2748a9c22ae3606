package oci

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"slipway.dev/slipway/internal/testkit/registry"
)

func serve(t *testing.T, handler http.HandlerFunc) (host string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func isManifest(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/sha256:") }
func isBlob(r *http.Request) bool     { return strings.Contains(r.URL.Path, "/blobs/sha256:") }
func isWrite(r *http.Request) bool    { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// A byte that changed is refused, and nothing is written that comes of it.
func TestWrongBytesAreRefused(t *testing.T) {
	tests := []struct {
		name  string
		match func(*http.Request) bool
		fault registry.Fault
		want  string
	}{
		{"manifest", isManifest, registry.WrongBytes, "sent wrong bytes"},
		{"blob", isBlob, registry.WrongBytes, "sent wrong bytes"},
		{"manifest cut", isManifest, registry.Truncate, "cut an answer short"},
		{"blob cut", isBlob, registry.Truncate, "cut an answer short"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ctx, c := t.Context(), quick(t)
			proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
			target := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
			digest := pushImage(t, proxy.Host+"/a")
			proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{tt.fault}, Match: tt.match})
			err := c.Copy(ctx, proxy.Host+"/a", target.Host+"/b", digest)
			if err == nil || !strings.Contains(err.Error(), digest) || !strings.Contains(err.Error(), "registry "+proxy.Host+" "+tt.want) {
				t.Errorf("copied with %v", err)
			}
			taken := target.Count(func(r registry.Request) bool { return r.Method == http.MethodPut && r.Status < 300 && r.Status > 0 })
			if taken != 0 {
				t.Errorf("%d things were written", taken)
			}
			proxy.Break(registry.Breakage{})
			if err := c.Copy(ctx, proxy.Host+"/a", target.Host+"/b", digest); err != nil {
				t.Errorf("copy from a mended registry: %v", err)
			}
		})
	}
}

// A lie that passes is passed over.
func TestALieIsAskedAgain(t *testing.T) {
	ctx, c := t.Context(), quick(t)
	proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	digest := pushImage(t, proxy.Host+"/a")
	for _, fault := range []registry.Fault{registry.WrongBytes, registry.Truncate} {
		lies := 2
		proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{fault}, Match: func(r *http.Request) bool {
			lies--
			return lies >= 0 && isManifest(r)
		}})
		if m, err := c.Manifest(ctx, proxy.Host+"/a", digest); err != nil || sum(m.Raw) != digest {
			t.Errorf("%s: got %s, %v", fault, sum(m.Raw), err)
		}
	}
}

func TestWrongDigestAfterPut(t *testing.T) {
	ctx, c := t.Context(), quick(t)
	proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	m, err := c.Manifest(ctx, proxy.Host+"/a", pushImage(t, proxy.Host+"/a"))
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{registry.WrongDigest}, Match: isWrite})
	err = c.Tag(ctx, proxy.Host+"/a", "next", m)
	var wrong *DigestError
	if !errors.As(err, &wrong) || wrong.Want != m.Digest {
		t.Errorf("tagged with %v", err)
	}
}

func TestMediaType(t *testing.T) {
	image, index := string(types.OCIManifestSchema1), string(types.OCIImageIndex)
	tests := []struct {
		name, header, body string
		ok                 bool
	}{
		{"image", image, `{"mediaType":"` + image + `","config":{},"layers":[]}`, true},
		{"image that says nothing", image, `{"config":{},"layers":[]}`, true},
		{"parameters", image + "; charset=utf-8", `{"config":{},"layers":[]}`, true},
		{"docker's image", string(types.DockerManifestSchema2), `{"mediaType":"` + string(types.DockerManifestSchema2) + `"}`, true},
		{"index", index, `{"mediaType":"` + index + `","manifests":[]}`, true},
		{"index as image", image, `{"mediaType":"` + index + `","manifests":[]}`, false},
		{"image as index", index, `{"mediaType":"` + image + `","layers":[]}`, false},
		{"docker's as OCI's", image, `{"mediaType":"` + string(types.DockerManifestSchema2) + `","config":{},"layers":[]}`, false},
		{"both, as image", image, `{"config":{},"layers":[],"manifests":[]}`, false},
		{"both, as index", index, `{"config":{},"layers":[],"manifests":[]}`, false},
		{"old", string(types.DockerManifestSchema1), `{}`, false},
		{"web page", "text/html", `{}`, false},
		{"none", "", `{}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			host := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.header)
				_, _ = w.Write([]byte(tt.body))
			})
			_, err := quick(t).Manifest(t.Context(), host+"/a", sum([]byte(tt.body)))
			var mismatch *MediaTypeError
			if errors.As(err, &mismatch) == tt.ok || (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A registry that may not be written says so, and what to do.
func TestReadOnly(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusUnauthorized:     "log in with `podman login ",
		http.StatusForbidden:        "refuses to be written",
		http.StatusMethodNotAllowed: "is read-only",
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			ctx, c := t.Context(), quick(t)
			proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
			source := registry.Start(t, registry.InProcess).Host + "/a"
			digest := pushImage(t, source)
			mine := pushImage(t, proxy.Host+"/a")
			m, err := c.Manifest(ctx, proxy.Host+"/a", mine)
			if err != nil {
				t.Fatal(err)
			}
			proxy.Break(registry.Breakage{Status: status, Match: isWrite})
			proxy.Forget()
			_, attached := c.Attach(ctx, proxy.Host+"/a", mine, Attachment{Type: "text/plain", Layer: []byte("x")})
			for doing, err := range map[string]error{
				"tag":    c.Tag(ctx, proxy.Host+"/a", "next", m),
				"copy":   c.Copy(ctx, source, proxy.Host+"/a", digest),
				"check":  c.CheckPush(ctx, proxy.Host+"/a"),
				"attach": attached,
			} {
				if err == nil || !strings.HasPrefix(err.Error(), doing) || !strings.Contains(err.Error(), want) ||
					strings.Count(err.Error(), "registry "+proxy.Host) != 1 {
					t.Errorf("%s: %v", doing, err)
				}
			}
			if n := proxy.Count(registry.Request.IsWrite); n > 8 { // four calls, of which two begin with up to four blobs
				t.Errorf("%d writes were tried", n)
			}
		})
	}
}

func TestDeletionIsOff(t *testing.T) {
	proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	proxy.Break(registry.Breakage{Status: http.StatusMethodNotAllowed, Match: isWrite})
	err := quick(t).Delete(t.Context(), proxy.Host+"/a", sum(nil))
	if err == nil || !strings.Contains(err.Error(), "storage.delete.enabled") {
		t.Errorf("got %v", err)
	}
}

// Whatever a registry is like, a call ends, and says which registry.
func TestCallsEnd(t *testing.T) {
	hosts := map[string]string{
		"down": "127.0.0.1:1",
		"no registry": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>Log in</html>"))
		}),
		"stalls": serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		"stalls in the middle": serve(t, func(w http.ResponseWriter, r *http.Request) {
			if isManifest(r) {
				w.Header().Set("Content-Length", "100")
				_, _ = w.Write([]byte("{"))
				_ = http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}
		}),
		"busy": serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}),
		"broken": serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }),
	}
	for title, host := range hosts {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			c := New(Config{Idle: 100 * time.Millisecond, Deadline: 2 * time.Second, Backoff: time.Millisecond})
			begin := time.Now()
			_, err := c.Manifest(t.Context(), host+"/a", sum([]byte("x")))
			if err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), host) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin); took > 1500*time.Millisecond {
				t.Errorf("it took %s", took)
			}
		})
	}
}
