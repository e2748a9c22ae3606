package containercmd

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// TestPair tests what two channels hold. The other suite's channels hold something else.
func TestPair(t *testing.T) {
	nothingLeft(t)
	p := newPair(t)
	vm := tinyVM(t, tinyguest.OK)
	container := p.hold("guest/staging", tinyContainer(t, goodInit))
	machine := p.hold("machine/staging", vm)
	p.hold("guest/live", []byte("nothing that starts"))
	p.hold("machine/live", vm)
	c := call(t.Context(), t, Test, p.args("pfq")...)
	if c.code != cli.ExitDone {
		t.Errorf("exit code %d", c.code)
	}
	for _, test := range []string{"boot", "in-the-container", "service", "first-process", "writes", "reboot", "console"} {
		if got := c.status(t, test); got.Status != guest.Passed {
			t.Errorf("%s: %+v", test, got)
		}
	}
	want := []string{container, machine}
	slices.Sort(want)
	if got := p.evidence("pfq"); !slices.Equal(got, want) {
		t.Errorf("evidence is about %q, want %q", got, want)
	}
	for name, digest := range map[string]string{"guest/staging": container, "machine/staging": machine} {
		if !strings.Contains(c.stderr, name+" is sha256:"+digest) {
			t.Errorf("what %s holds is not told", name)
		}
	}
}

// TestPairOfImages tests two images of a registry: the machine boots the disk that was
// pushed beside its image, and the evidence is about that too.
func TestPairOfImages(t *testing.T) {
	nothingLeft(t)
	p := newPair(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	text, err := os.ReadFile(filepath.Join(p.dir, "channels.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("channels.yaml", strings.NewReplacer(
		"guest, kind: file, location: "+p.dir+"/files", "guest, kind: image, location: "+host+"/guest",
		"machine, kind: file, location: "+p.dir+"/files", "machine, kind: image, location: "+host+"/machine").Replace(string(text)))
	container, vm := pushImage(t, host+"/guest", tinyContainer(t, goodInit)), pushImage(t, host+"/machine", tarball(t, entry{"etc/os-release", "ID=vm\n"}))
	p.move("guest/staging", container)
	p.move("machine/staging", vm)
	if c := call(t.Context(), t, Test, p.args("pfq")...); c.code != cli.ExitFailed || !strings.Contains(c.stderr, "no disk lies beside") {
		t.Errorf("without a disk: exit code %d", c.code)
	}
	bundle, folder := tinyVM(t, tinyguest.OK), t.TempDir()
	digest, size, err := store.Digest(bytes.NewReader(bundle))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "vm.tar"), bundle, 0o600); err != nil {
		t.Fatal(err)
	}
	record := &disk.Record{Image: disk.Image{Digest: vm}, Files: []disk.File{{Name: "vm.tar", Format: disk.Bundle, Digest: "sha256:" + digest, Size: size}}}
	if _, err := (publish.Registry{Repository: host + "/machine", Say: func(string) {}}).Push(t.Context(), record, folder); err != nil {
		t.Fatal(err)
	}
	c := call(t.Context(), t, Test, p.args("pfq")...)
	if got := c.status(t, "service"); c.code != cli.ExitDone || got.Status != guest.Passed {
		t.Errorf("exit code %d, %+v", c.code, got)
	}
	want := []string{strings.TrimPrefix(container, "sha256:"), strings.TrimPrefix(vm, "sha256:"), digest}
	slices.Sort(want)
	if got := p.evidence("pfq"); !slices.Equal(got, want) {
		t.Errorf("evidence is about %q, want %q", got, want)
	}
}
