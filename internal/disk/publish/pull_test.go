package publish

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/testkit/registry"
)

// pushed is made, in its registry.
func pushed(t *testing.T, host string) (*disk.Record, Reference) {
	t.Helper()
	record, dir, repository := made(t, host)
	push(t, repository, record, dir)
	return record, Reference{Repository: repository, Tag: "next"}
}

func push(t *testing.T, repository string, record *disk.Record, dir string) {
	t.Helper()
	if _, err := (Registry{Repository: repository, Say: func(string) {}}).Push(t.Context(), record, dir); err != nil {
		t.Fatal(err)
	}
}

// said is what was said.
type said []string

func (s *said) say(message string) { *s = append(*s, message) }

func (s *said) has(text string) bool {
	return slices.ContainsFunc(*s, func(line string) bool { return strings.Contains(line, text) })
}

// qcow2 pulls the image's qcow2 disk.
func qcow2(t *testing.T, image Reference, folder string) (said, error) {
	t.Helper()
	var s said
	_, err := Puller{Say: s.say}.Pull(t.Context(), image, []disk.Format{disk.QCOW2}, folder)
	return s, err
}

// A disk that was pushed is pulled with its record, once, by registries of every kind.
func TestPull(t *testing.T) {
	for _, kind := range []registry.Kind{registry.InProcess, registry.Debian} {
		t.Run(string(kind), func(t *testing.T) {
			record, image := pushed(t, registry.Start(t, kind).Host)
			folder := t.TempDir()
			s, err := qcow2(t, image, folder)
			if err != nil || !s.has("next is "+record.Image.Digest) || !s.has("pull hello-os.qcow2") {
				t.Fatalf("%q, %v", s, err)
			}
			path := filepath.Join(folder, "hello-os.qcow2")
			got, file, err := disk.Read(path)
			if err != nil || got.Image.Digest != record.Image.Digest || got.Boot.Version != "6.1" || got.Image.Reference != image.String() {
				t.Errorf("the record is %+v, %v", got, err)
			}
			if err := file.Verify(path); err != nil {
				t.Error(err)
			}
			if s, err = qcow2(t, image, folder); err != nil || !s.has("is there already") {
				t.Errorf("again: %q, %v", s, err)
			}
			if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 4000), 0o644); err != nil {
				t.Fatal(err)
			}
			if s, err = qcow2(t, image, folder); err != nil || s.has("is there already") || file.Verify(path) != nil {
				t.Errorf("over another file: %q, %v", s, err)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// Forms of one disk share a record, whichever comes first; another disk has its own.
func TestPullForms(t *testing.T) {
	host := registry.Start(t, registry.InProcess).Host
	record, dir, repository := made(t, host)
	if err := os.WriteFile(filepath.Join(dir, "hello-os.raw"), append(make([]byte, 1<<20), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	digest, err := disk.Digest(filepath.Join(dir, "hello-os.raw"))
	if err != nil {
		t.Fatal(err)
	}
	record.Files = append(record.Files, disk.File{Name: "hello-os.raw", Format: disk.Raw, Digest: digest, Size: 1<<20 + 1})
	push(t, repository, record, dir)
	folder, image := t.TempDir(), Reference{Repository: repository, Digest: record.Image.Digest}
	for _, format := range []disk.Format{disk.QCOW2, disk.Raw, disk.QCOW2} {
		if _, err := (Puller{Say: func(string) {}}).Pull(t.Context(), image, []disk.Format{format}, folder); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range record.Files {
		if _, row, err := disk.Read(filepath.Join(folder, file.Name)); err != nil || row != file {
			t.Errorf("got %+v, %v", row, err)
		}
	}
	other, image := pushed(t, registry.Start(t, registry.InProcess).Host)
	if _, err := qcow2(t, image, folder); err != nil {
		t.Fatal(err)
	}
	if got, _, err := disk.Read(filepath.Join(folder, "hello-os.qcow2")); err != nil || got.Image.Digest != other.Image.Digest {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, _, err := disk.Read(filepath.Join(folder, "hello-os.raw")); !errors.Is(err, disk.ErrNoRecord) {
		t.Errorf("another disk's raw form has a record: %v", err)
	}
}

// Of two disks of a form one has to be named.
func TestPullChooses(t *testing.T) {
	record, image := pushed(t, registry.Start(t, registry.InProcess).Host)
	first := record.Files[0].Digest
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hello-os.qcow2"), bytes.Repeat([]byte("2"), 4000), 0o644); err != nil {
		t.Fatal(err)
	}
	second, err := disk.Digest(filepath.Join(dir, "hello-os.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	record.Files[0].Digest = second
	push(t, image.Repository, record, dir)
	if _, err := qcow2(t, image, t.TempDir()); err == nil || !strings.Contains(err.Error(), "name one by --disk") || !strings.Contains(err.Error(), first) {
		t.Errorf("got %v", err)
	}
	got, err := Puller{Disk: first, Say: func(string) {}}.Pull(t.Context(), image, []disk.Format{disk.QCOW2}, t.TempDir())
	if err != nil || got.Files[0].Digest != first {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestPullFails(t *testing.T) {
	host := registry.Start(t, registry.InProcess).Host
	record, dir, repository := made(t, host)
	tests := map[string]struct {
		image Reference
		want  string
	}{
		"no image": {Reference{Repository: host + "/none", Tag: "v1"}, "resolve"},
		"no disk":  {Reference{Repository: repository, Tag: "next"}, "--wait waits for it"},
		"nobody":   {Reference{Repository: "127.0.0.1:1/none", Tag: "v1"}, "127.0.0.1:1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if _, err := qcow2(t, tt.image, folder); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
	push(t, repository, record, dir)
	_, err := Puller{Wait: 50 * time.Millisecond, Every: time.Millisecond, Say: func(string) {}}.
		Pull(t.Context(), Reference{Repository: repository, Tag: "next"}, []disk.Format{disk.Raw}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not there within --wait 50ms") {
		t.Errorf("got %v", err)
	}
}

// What is wrong about an artifact keeps its disk out: it is somebody else's, or has a
// name that leads out of the folder.
func TestPullRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*disk.Record)
		want   string
	}{
		"a name that leads out": {func(r *disk.Record) { r.Files[0].Name = "../hello-os.qcow2" }, "is no name of a qcow2 disk"},
		"the record's name":     {func(r *disk.Record) { r.Files[0].Name = "hello-os.disk.json" }, "is no name of a qcow2 disk"},
		"another image":         {func(r *disk.Record) { r.Image.Digest = "sha256:" + strings.Repeat("0", 64) }, "and refers to"},
		"another disk":          {func(r *disk.Record) { r.Files[0].Size++ }, "the record of another disk"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			record, dir, repository := made(t, registry.Start(t, registry.InProcess).Host)
			forge(t, repository, record, dir, tt.change)
			folder := filepath.Join(t.TempDir(), "inside")
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := qcow2(t, Reference{Repository: repository, Tag: "next"}, folder); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			for _, place := range []string{folder, filepath.Dir(folder)} {
				if files, err := filepath.Glob(filepath.Join(place, "hello-os*")); err != nil || len(files) > 0 {
					t.Errorf("written: %v, %v", files, err)
				}
			}
		})
	}
}

// forge pushes a disk with a record that was changed.
func forge(t *testing.T, repository string, record *disk.Record, dir string, change func(*disk.Record)) {
	t.Helper()
	client := oci.New(oci.Config{})
	image, err := client.Manifest(t.Context(), repository, record.Image.Digest)
	if err != nil {
		t.Fatal(err)
	}
	file, changed := record.Files[0], *record
	changed.Files = []disk.File{file}
	change(&changed)
	about, err := recordOf(&changed, changed.Files[0])
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := manifestOf(image, about, "6.1", file)
	if err != nil {
		t.Fatal(err)
	}
	to, err := name.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range []v1.Layer{static.NewLayer(about, recordType), blob{file, filepath.Join(dir, file.Name)}} {
		if err := remote.WriteLayer(to, layer); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(client.Put(t.Context(), repository, manifest), client.Refer(t.Context(), repository, manifest)); err != nil {
		t.Fatal(err)
	}
}

// What is not there yet is waited for: first the image, then its disk.
func TestPullWaits(t *testing.T) {
	there, image := pushed(t, registry.Start(t, registry.InProcess).Host)
	record, dir, repository := made(t, registry.Start(t, registry.InProcess).Host)
	if there.Image.Digest == record.Image.Digest {
		t.Fatal("the images are the same")
	}
	late := Reference{Repository: repository, Tag: "late"}
	puller := Puller{Wait: time.Minute, Every: time.Millisecond, Say: func(message string) {
		switch {
		case strings.HasPrefix(message, "wait for image "):
			m, err := oci.New(oci.Config{}).Manifest(t.Context(), repository, record.Image.Digest)
			if err == nil {
				err = oci.New(oci.Config{}).Tag(t.Context(), repository, "late", m)
			}
			if err != nil {
				t.Error(err)
			}
		case strings.HasPrefix(message, "wait for the qcow2 disk of "):
			push(t, repository, record, dir)
		}
	}}
	got, err := puller.Pull(t.Context(), late, []disk.Format{disk.QCOW2}, t.TempDir())
	if err != nil || got.Image.Digest != record.Image.Digest {
		t.Errorf("got %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("somebody pressed Ctrl-C")
	puller.Say = func(string) { cancel(stopped) }
	if _, err := puller.Pull(ctx, Reference{Repository: image.Repository, Tag: "never"}, []disk.Format{disk.QCOW2}, t.TempDir()); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

// A registry that breaks off gives no half of a disk: it comes whole or not at all.
func TestPullBreaksOff(t *testing.T) {
	t.Parallel() // the client asks a few times, with pauses
	host := registry.Start(t, registry.InProcess).Host
	record, image := pushed(t, host)
	proxy := registry.NewProxy(t, host)
	image.Repository = strings.Replace(image.Repository, host, proxy.Host, 1)
	isDisk := func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, record.Files[0].Digest) }
	folder := t.TempDir()
	proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{registry.Truncate}, Match: isDisk})
	if _, err := qcow2(t, image, folder); err == nil {
		t.Error("half a disk is pulled")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	proxy.Break(registry.Breakage{})
	if _, err := qcow2(t, image, folder); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	for text, want := range map[string]Reference{
		"localhost:5000/a/b:v1":            {Repository: "localhost:5000/a/b", Tag: "v1"},
		"registry.example.com/a@" + digest: {Repository: "registry.example.com/a", Digest: digest},
	} {
		if got, err := ParseReference(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "hello-os.qcow2", "out/hello-os:v1", "registry.example.com/a", "registry.example.com/a@sha256:0", "/out/disk.qcow2"} {
		if got, err := ParseReference(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}
