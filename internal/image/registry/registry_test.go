package registry

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const tag = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// saved writes an image as podman saves one, and returns its folder and ID.
func saved(t *testing.T, base v1.Image, arch string) (folder, id string) {
	t.Helper()
	config, err := base.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = arch, "linux"
	img, err := mutate.ConfigFile(base, config)
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(t.TempDir(), arch)
	if err := writeLayout(img, "example.test/x:1", folder); err != nil {
		t.Fatal(err)
	}
	hash, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	return folder, hash.Hex
}

func randomImage(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(200_000, 3)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func client(t *testing.T, prefix string) *Registry {
	t.Helper()
	r, err := New(Config{Prefix: prefix, Idle: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPushThenPull(t *testing.T) {
	ctx, server := context.Background(), newFaulty(t)
	r := client(t, server.prefix)
	base := randomImage(t)
	amd, amdID := saved(t, base, "amd64")
	arm, armID := saved(t, base, "arm64")
	if _, err := r.Look(ctx, "debian/bookworm", tag); !errors.Is(err, ErrAbsent) {
		t.Fatalf("look before the push: %v, want ErrAbsent", err)
	}
	pushed, err := r.Push(ctx, "debian/bookworm", tag, []Local{{"arm64", arm}, {"amd64", amd}})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := r.Look(ctx, "debian/bookworm", tag)
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{Digest: pushed.Digest, IDs: map[string]string{"amd64": amdID, "arm64": armID}}
	if diff := cmp.Diff(want, entry); diff != "" {
		t.Errorf("look (-want +got):\n%s", diff)
	}
	for arch, want := range entry.IDs {
		folder := filepath.Join(t.TempDir(), "pulled")
		got, err := r.Pull(ctx, "debian/bookworm", tag, arch, "example.test/x:1", folder)
		if err != nil || got != want {
			t.Errorf("pull for %s: %s, %v, want %s", arch, got, err, want)
		}
		if _, err := onlyImage(folder); err != nil {
			t.Error(err)
		}
	}
}

// Equal images give equal digests, whoever pushes them and in which order; and what
// the registry has is not sent again.
func TestPushIsDeterministicAndSparing(t *testing.T) {
	ctx, server, base := context.Background(), newFaulty(t), randomImage(t)
	var first Pushed
	for i, order := range [][]string{{"amd64", "arm64"}, {"arm64", "amd64"}} {
		var locals []Local
		for _, arch := range order {
			folder, _ := saved(t, base, arch)
			locals = append(locals, Local{arch, folder})
		}
		server.breakOn(func(*http.Request) bool { return false }, nil)
		pushed, err := client(t, server.prefix).Push(ctx, "x", tag, locals)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = pushed
			if got, want := server.requests("PATCH", "/blobs/uploads/"), 3+2; got != want {
				t.Errorf("%d blobs were sent, want %d: layers that two images share go once", got, want)
			}
			continue
		}
		if diff := cmp.Diff(first, pushed); diff != "" {
			t.Errorf("pushed again (-first +second):\n%s", diff)
		}
		if n := server.requests("PATCH", "/blobs/uploads/"); n > 0 {
			t.Errorf("%d blobs were sent that the registry has", n)
		}
	}
}

func TestPullFaults(t *testing.T) {
	manifests := func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/") }
	tests := []struct {
		name  string
		match func(*http.Request) bool
		fault fault
		want  string
	}{
		{"unauthorized", everything, status(http.StatusUnauthorized), "refuses"},
		{"forbidden", manifests, status(http.StatusForbidden), "refuses"},
		{"no registry", everything, status(http.StatusNotFound), "answers with an error"},
		{"a web page", everything, page, "not as a registry does"},
		{"blob gone", blobs, status(http.StatusNotFound), "answers with an error"},
		{"silent", everything, silent, "stalls"},
		{"stalls", blobs, stall, "stalls"},
		{"cut short", blobs, cut, "cut an answer short"},
		{"short", blobs, short, "cut an answer short"},
		{"wrong manifest", func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/manifests/sha256:") }, wrong, "sent wrong bytes"},
		{"wrong bytes", blobs, wrong, "sent wrong bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, server := context.Background(), newFaulty(t)
			r := client(t, server.prefix)
			folder, _ := saved(t, randomImage(t), "amd64")
			if _, err := r.Push(ctx, "x", tag, []Local{{"amd64", folder}}); err != nil {
				t.Fatal(err)
			}
			server.breakOn(tt.match, tt.fault)
			start := time.Now()
			_, err := r.Pull(ctx, "x", tag, "amd64", "example.test/x:1", t.TempDir())
			checkFault(t, err, tt.want, "pull "+server.prefix+"/x:"+tag)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestPushFaults(t *testing.T) {
	tests := []struct {
		name  string
		match func(*http.Request) bool
		fault fault
		want  string
	}{
		{"unauthorized", everything, status(http.StatusUnauthorized), "refuses"},
		{"forbidden", uploads, status(http.StatusForbidden), "refuses"},
		{"stalls", uploads, silent, "stalls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, server := context.Background(), newFaulty(t)
			r := client(t, server.prefix)
			folder, _ := saved(t, randomImage(t), "amd64")
			server.breakOn(tt.match, tt.fault)
			_, err := r.Push(ctx, "x", tag, []Local{{"amd64", folder}})
			checkFault(t, err, tt.want, "push "+server.prefix+"/x:"+tag)
			server.breakOn(everything, nil)
			if _, err := r.Look(ctx, "x", tag); !errors.Is(err, ErrAbsent) {
				t.Errorf("after the failure the tag is there: %v", err)
			}
		})
	}
}

func TestDown(t *testing.T) {
	r := client(t, "127.0.0.1:1/project")
	_, err := r.Pull(context.Background(), "x", tag, "amd64", "example.test/x:1", t.TempDir())
	checkFault(t, err, "cannot be reached", "pull 127.0.0.1:1/project/x:"+tag)
	_, err = r.Look(context.Background(), "x", tag)
	checkFault(t, err, "cannot be reached", "look up 127.0.0.1:1/project/x:"+tag)
}

func checkFault(t *testing.T, err error, want, doing string) {
	t.Helper()
	if err == nil || errors.Is(err, ErrAbsent) {
		t.Fatalf("got %v, want an error that says %q", err, want)
	}
	if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), doing) {
		t.Errorf("got %v\nwant it to begin with %q and to say %q", err, doing, want)
	}
}

func TestPrefix(t *testing.T) {
	for _, bad := range []string{"", "host", "h.example/UPPER", "https://example.test/x", "h.example/a b"} {
		if _, err := New(Config{Prefix: bad}); err == nil {
			t.Errorf("prefix %q is taken", bad)
		}
	}
	r, err := New(Config{Prefix: "registry.example/a/b/"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Name("debian/bookworm", "t"), "registry.example/a/b/debian/bookworm:t"; got != want {
		t.Errorf("name is %s, want %s", got, want)
	}
}

// The compressor and its level are part of every manifest's digest: with another,
// a push would make another index of equal content.
func TestCompressionIsFixed(t *testing.T) {
	plain := static.NewLayer([]byte(strings.Repeat("all job images are named by their content\n", 1000)), types.OCIUncompressedLayer)
	got, err := compress(plain, filepath.Join(t.TempDir(), "layer"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "sha256:d7a3f867c44992ae63ccc40bfe0f111f386dd531683afbfba69ec4aae9cc11d5"; got.digest.String() != want {
		t.Errorf("compressed layer is %s, want %s", got.digest, want)
	}
}
