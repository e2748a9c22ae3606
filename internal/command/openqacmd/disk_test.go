package openqacmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/evidence"
	testopenqa "slipway.dev/slipway/internal/testkit/openqa"
	"slipway.dev/slipway/internal/testkit/registry"
)

// pushDisk pushes an image, and the world's disk as made of it. It returns the image's digest.
func (w *world) pushDisk(repository string) string {
	w.t.Helper()
	image, err := random.Image(100, 1)
	w.check(err)
	tag, err := name.ParseReference(repository + ":next")
	w.check(err)
	w.check(remote.Write(tag, image))
	of, err := image.Digest()
	w.check(err)
	digest, err := disk.Digest(w.disk)
	w.check(err)
	info, err := os.Stat(w.disk)
	w.check(err)
	record := &disk.Record{
		Image: disk.Image{Digest: of.String()},
		Files: []disk.File{{Name: filepath.Base(w.disk), Format: disk.QCOW2, Digest: digest, Size: info.Size()}},
	}
	_, err = publish.Registry{Repository: repository, Say: func(string) {}}.Push(w.t.Context(), record, filepath.Dir(w.disk))
	w.check(err)
	return of.String()
}

// A disk that is named by its image is pulled, and the evidence is about that image too.
func TestRunOfAnImage(t *testing.T) {
	w, s := scripted(t)
	s.Script["boot"] = testopenqa.Done("passed")
	t.Setenv("TMPDIR", t.TempDir())
	repository := registry.Start(t, registry.InProcess).Host + "/hello/hello-os"
	of := w.pushDisk(repository)
	if code, said := w.run("--disk", repository+":next"); code != 0 {
		t.Fatalf("got %d and %s", code, said)
	}
	got := w.latest(of)
	about := func(digest string) bool {
		return slices.ContainsFunc(got.Subjects, func(s evidence.Subject) bool { return s.Digest == digest })
	}
	digest, err := disk.Digest(w.disk)
	w.check(err)
	if got == nil || !about(digest) || !about(of) || !about(image) {
		t.Errorf("the evidence is %+v", got)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "slipway-disk-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// A disk that is not what its record says was changed after the boot test.
func TestRunRefusesAStaleRecord(t *testing.T) {
	t.Parallel()
	w, s := scripted(t)
	w.write("disk.disk.json", `{"image": {"digest": "`+image+`"}, "files": [{"name": "disk.qcow2", "digest": "`+image+`"}]}`)
	if code, said := w.run(); code != 1 || !strings.Contains(said, "its record says") {
		t.Errorf("got %d and %s", code, said)
	}
	if jobs := s.Jobs(); len(jobs) > 0 {
		t.Errorf("%d jobs were submitted", len(jobs))
	}
}

// The place of the disk's digest in an address is filled.
func TestAssetNamesTheDisk(t *testing.T) {
	w := newWorld(t, "", "", "", "")
	f := runFlags{disk: w.disk, asset: "https://disks.example.com/blobs/sha256/{hex}"}
	got, err := f.readDisk(t.Context(), func(string) {})
	w.check(err)
	digest, err := disk.Digest(w.disk)
	w.check(err)
	if want := "https://disks.example.com/blobs/sha256/" + strings.TrimPrefix(digest, "sha256:"); f.address(got) != want {
		t.Errorf("got %s, want %s", f.address(got), want)
	}
}

func TestFormat(t *testing.T) {
	for asset, want := range map[string]string{
		"https://bucket.example.com/disk.qcow2":         "qcow2",
		"https://bucket.example.com/{hex}":              "qcow2",
		"https://bucket.example.com/disk.raw?sign=a.b":  "raw",
		"https://bucket.example.com/disk.qcow2?of=.raw": "qcow2",
	} {
		f := runFlags{asset: asset, digest: image}
		if d, err := f.readDisk(t.Context(), nil); err != nil || d.Format != want {
			t.Errorf("%s is %q, %v; want %s", asset, d.Format, err, want)
		}
	}
}
