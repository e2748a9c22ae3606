package publish

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/registry"
)

// made is a folder with a disk in it, and its record, about an image in a registry.
func made(t *testing.T, host string) (record *disk.Record, dir, repository string) {
	t.Helper()
	dir, repository = t.TempDir(), host+"/hello/hello-os"
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(repository + ":next")
	if err == nil {
		err = remote.Write(ref, image)
	}
	if err != nil {
		t.Fatal(err)
	}
	of, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "hello-os.qcow2")
	if err := os.WriteFile(path, []byte(strings.Repeat("disk", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	digest, err := disk.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return &disk.Record{
		Image: disk.Image{Digest: of.String()}, Boot: disk.Boot{Version: "6.1"},
		Files: []disk.File{{Name: "hello-os.qcow2", Format: disk.QCOW2, Digest: digest, Size: 4000}},
	}, dir, repository
}

// A disk that is pushed is among its image's referrers, and pushed again it is the same.
func TestPush(t *testing.T) {
	for _, kind := range []registry.Kind{registry.InProcess, registry.Debian} {
		t.Run(string(kind), func(t *testing.T) {
			record, dir, repository := made(t, registry.Start(t, kind).Host)
			to := Registry{Repository: repository, Say: func(string) {}}
			first, err := to.Push(t.Context(), record, dir)
			if err != nil {
				t.Fatal(err)
			}
			second, err := to.Push(t.Context(), record, dir)
			if err != nil || len(second) != 1 || second[0] != first[0] {
				t.Errorf("got %v, then %v, %v", first, second, err)
			}
			referrers, err := oci.New(oci.Config{}).Referrers(t.Context(), repository, record.Image.Digest)
			if err != nil || len(referrers) != 1 || referrers[0].Digest.String() != first[0].Artifact {
				t.Errorf("got referrers %+v, %v", referrers, err)
			}
			manifest, err := oci.New(oci.Config{}).Manifest(t.Context(), repository, first[0].Artifact)
			if err != nil || !strings.Contains(string(manifest.Raw), `"artifactType":"`+ArtifactType+`"`) {
				t.Errorf("got %s, %v", manifest.Raw, err)
			}
			blob, err := name.NewDigest(repository + "@" + first[0].Disk)
			if err != nil {
				t.Fatal(err)
			}
			if layer, err := remote.Layer(blob); err != nil {
				t.Error(err)
			} else if size, err := layer.Size(); err != nil || size != 4000 {
				t.Errorf("the disk has %d bytes there, %v", size, err)
			}
		})
	}
}

func TestPushWantsTheImage(t *testing.T) {
	host := registry.Start(t, registry.InProcess).Host
	record, dir, _ := made(t, host)
	_, err := Registry{Repository: host + "/other", Say: func(string) {}}.Push(t.Context(), record, dir)
	if err == nil || !strings.Contains(err.Error(), "does not have the image") {
		t.Errorf("got %v", err)
	}
}

func TestStore(t *testing.T) {
	record, dir, _ := made(t, registry.Start(t, registry.InProcess).Host)
	s, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Store(t.Context(), s, record, dir); err != nil {
			t.Fatal(err)
		}
	}
	var have Stored
	if err := store.ReadJSON(context.Background(), s, Key(record.Files[0].Digest), &have); err != nil || have.Image != record.Image.Digest {
		t.Errorf("got %+v, %v", have, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hello-os.qcow2"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Store(t.Context(), s, record, dir); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Errorf("got %v", err)
	}
}
