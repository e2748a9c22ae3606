package containercmd

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	layers "github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// entry is a file of an archive; what begins with "->" is a link.
type entry struct{ name, text string }

func tarball(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o755, Size: int64(len(e.text)), Typeflag: tar.TypeReg}
		switch target, link := strings.CutPrefix(e.text, "->"); {
		case link:
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, e.text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tinyContainer is a root file system of busybox with a service.
func tinyContainer(t *testing.T, init string) []byte {
	t.Helper()
	need.Tool(t, "/bin/busybox", "busybox-static")
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	entries := []entry{{"etc/", ""}, {"proc/", ""}, {"run/", ""}, {"srv/", ""}, {"var/", ""}, {"var/lib/", ""}, {"bin/busybox", string(busybox)},
		{"srv/index.html", "hello\n"}, {"sbin/init", init}}
	for _, applet := range []string{"cat", "false", "httpd", "ls", "mount", "sh", "tee", "test", "touch", "true", "wget"} {
		entries = append(entries, entry{"bin/" + applet, "->busybox"})
	}
	return tarball(t, entries...)
}

const goodInit = `#!/bin/sh
mount -t proc proc /proc
echo up >/run/up
exec httpd -f -p 127.0.0.1:8080 -h /srv
`

// tinyVM is a bundle of the tiny guest, with the kernel's overlays.
func tinyVM(t *testing.T, mode string) []byte {
	t.Helper()
	need.Tool(t, "cpio", "cpio")
	read := func(file string) string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	c := tinyguest.Config(t, mode)
	version := tinyguest.KernelVersion(t)
	packages := filepath.Join(filepath.Dir(tinyguest.Initrd(t)), "packages")
	more := t.TempDir()
	modules := filepath.Join("lib/modules", version)
	if err := os.MkdirAll(filepath.Join(more, modules), 0o755); err != nil {
		t.Fatal(err)
	}
	names := "lib\nlib/modules\n" + modules + "\n"
	for name, text := range map[string]string{
		"overlay.ko": read(filepath.Join(packages, modules, "kernel/fs/overlayfs/overlay.ko")), "modules.dep": "overlay.ko:\n",
	} {
		names += filepath.Join(modules, name) + "\n"
		if err := os.WriteFile(filepath.Join(more, modules, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cpio, err := exec.Output(t.Context(), exec.Cmd{
		Args: []string{"cpio", "--create", "--format=newc", "--quiet"}, Dir: more,
		Stdin: strings.NewReader(names),
	})
	if err != nil {
		t.Fatal(err)
	}
	return tarball(t, entry{"bundle.json", fmt.Sprintf(`{"arguments": [%q]}`, c.Append)}, entry{"vmlinuz", read(c.Kernel)}, entry{"initrd", read(c.Initrd) + string(cpio)})
}

const pairSuites = `suites:
  bvt-cq: {container: guest/live, vm: machine/live, plan: plan.yaml}
  pfq: {container: guest/staging, vm: machine/staging, plan: plan.yaml}
start:
- [start-stop-daemon, -S, -b, -m, -p, "/run/{name}.pid", -x, /bin/unshare, --, -f, -p, -m, chroot, "{root}", /sbin/init]
leader: [pidof, httpd]
exec: [nsenter, -t, "{leader}", -m, -p, -r, --]
ready: [test, -e, /run/up]
reboot:
- [sh, -c, "kill -9 {leader}; while [ -e /proc/$(cat /run/{name}.pid) ]; do sleep 0.1; done"]
- [start-stop-daemon, -S, -b, -m, -p, "/run/{name}.pid", -x, /bin/unshare, --, -f, -p, -m, chroot, "{root}", /sbin/init]
`

const pairPlan = `name: guest
machine: {memory: 256Mi, cpus: 1, boot: 90s}
timeout: 60s
tests:
- {name: in-the-container, files: [{path: /srv/index.html, contains: hello}, {path: /sys, absent: true}]}
- {name: service, run: {args: [wget, -q, -O, "-", "http://127.0.0.1:8080/"], stdout: ^hello$}}
- {name: first-process, run: {args: [cat, /proc/1/stat], stdout: "^1 .httpd"}}
- {name: writes, changes: true, run: {args: [touch, /srv/file]}}
- {name: reboot, reboot: {then: [service]}}
`

// pair is a world in which pairings are tested.
type pair struct {
	t    *testing.T
	dir  string
	keys string
}

// newPair has no channel that holds anything.
func newPair(t *testing.T) *pair {
	t.Helper()
	need.Root(t)
	p := &pair{t: t, dir: t.TempDir()}
	p.keys = filepath.Join(p.dir, "pair")
	if c := call(t.Context(), t, promotecmd.EvidenceGroup, "keygen", p.keys); c.code != 0 {
		t.Fatal("no key")
	}
	p.write("suites.yaml", pairSuites)
	p.write("plan.yaml", pairPlan)
	p.write("channels.yaml", `signers: {pair: {key: pair.pub}}
channels:
  both:
  - {name: staging, gate: {tests: [{name: pfq, signers: [pair]}]}}
  - {name: live, from: staging, gate: {tests: [{name: bvt-cq, signers: [pair]}]}}
artifacts:
- {name: guest, kind: file, location: `+p.dir+`/files, channels: both}
- {name: machine, kind: file, location: `+p.dir+`/files, channels: both}
`)
	return p
}

func (p *pair) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pair) store(name string) store.Store {
	p.t.Helper()
	s, err := folder.New(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// hold lets a channel hold a file.
func (p *pair) hold(channel string, data []byte) (digest string) {
	p.t.Helper()
	digest, _, err := store.PutBlob(p.t.Context(), p.store("files"), bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	p.move(channel, "sha256:"+digest)
	return digest
}

// move lets a channel hold a digest, by its ledger.
func (p *pair) move(channel, digest string) {
	p.t.Helper()
	ctx := p.t.Context()
	line, err := ledger.Read(ctx, p.store("store"), channel)
	for _, kind := range []ledger.Kind{ledger.Intent, ledger.Done} {
		if err == nil {
			line, err = line.Append(ctx, p.store("store"), ledger.Record{Kind: kind, Digest: digest, Time: time.Now(), Who: "test"})
		}
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// args are the arguments that test a suite and file evidence.
func (p *pair) args(suite string, more ...string) []string {
	return append([]string{"--suite", suite, "--suites", p.dir + "/suites.yaml", "--config", p.dir + "/channels.yaml", "--store", p.dir + "/store",
		"--cache", p.dir + "/roots", "--key", p.keys + ".key", "--log", "https://ci.example.com/1", "--accel", "tcg"}, more...)
}

// evidence are the digests that evidence of a test is about.
func (p *pair) evidence(test string) (digests []string) {
	p.t.Helper()
	files, err := filepath.Glob(filepath.Join(p.dir, "store/evidence/*", test, "*.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range files {
		digests = append(digests, filepath.Base(filepath.Dir(filepath.Dir(file))))
	}
	return digests
}

// pushImage pushes an image of one layer, and returns its digest.
func pushImage(t *testing.T, repository string, layer []byte) (digest string) {
	t.Helper()
	config, err := empty.Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	image, err := mutate.ConfigFile(empty.Image, config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := layers.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil })
	if err == nil {
		image, err = mutate.AppendLayers(image, l)
	}
	if err != nil {
		t.Fatal(err)
	}
	sum, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	reference, err := name.NewDigest(repository + "@" + sum.String())
	if err == nil {
		err = remote.Write(reference, image, remote.WithContext(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return sum.String()
}
