package vmcmd

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/report"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store/storeurl"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

const madeOf = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// files is where evidence is filed in a test, and by whom.
type files struct {
	store string
	args  []string
	key   signing.Verifier
}

// filing makes a key and a place for a store.
func filing(t *testing.T) files {
	t.Helper()
	private, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	text, err := signing.MarshalPrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := signing.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	f := files{store: filepath.Join(t.TempDir(), "store"), key: signing.Verifier{Verifier: signer, Name: "boot"}}
	f.args = []string{"--store", f.store, "--key", write(t, "boot.key", string(text)), "--log", "https://ci.example.com/1"}
	return f
}

// made is a bundle of the tiny guest with its record, and what files evidence of it.
type made struct {
	files
	file, digest string
	args         []string
}

func bundleOf(t *testing.T, mode string) made {
	t.Helper()
	c := tinyguest.Config(t, mode)
	folder := t.TempDir()
	m := made{file: filepath.Join(folder, "tiny.tar")}
	arguments, err := json.Marshal(map[string][]string{"arguments": strings.Fields(c.Append)})
	if err != nil {
		t.Fatal(err)
	}
	pack(t, m.file, map[string][]byte{"bundle.json": arguments, "vmlinuz": read(t, c.Kernel), "initrd": read(t, c.Initrd), "../evil": []byte("x")})
	if m.digest, err = disk.Digest(m.file); err != nil {
		t.Fatal(err)
	}
	m.record(t, m.digest)
	m.files = filing(t)
	m.args = append(m.files.args, "--image", m.file, "--plan", write(t, "plan.yaml", tinyPlan))
	return m
}

// record writes the record of the bundle, in which it has a digest.
func (m made) record(t *testing.T, digest string) {
	t.Helper()
	r := disk.Record{Image: disk.Image{Reference: "registry.example.com/tiny", Digest: madeOf}, Files: []disk.File{{Name: "tiny.tar", Format: disk.Bundle, Digest: digest}}}
	data, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(strings.TrimSuffix(m.file, ".tar")+".disk.json", data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func pack(t *testing.T, file string, files map[string][]byte) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// filed is the newest evidence about a digest, or nil.
func (m files) filed(t *testing.T, digest string) *evidence.Verified {
	t.Helper()
	s, err := storeurl.Open(t.Context(), m.store)
	if err != nil {
		t.Fatal(err)
	}
	found, err := evidence.Latest(t.Context(), s, digest, "boot", []signing.Verifier{m.key})
	var none *evidence.NoneError
	if err != nil && !errors.As(err, &none) {
		t.Fatal(err)
	}
	return found
}

// A guest that passes is evidence about its disk and about the image it is made of.
func TestPasses(t *testing.T) {
	nothingLeft(t)
	m := bundleOf(t, tinyguest.OK)
	c := call(t.Context(), t, QemuTester, m.args...)
	if c.code != cli.ExitDone || !strings.Contains(c.stdout, "tiny/direct: 5 passed") {
		t.Fatal("a good guest does not pass")
	}
	for _, digest := range []string{m.digest, madeOf} {
		if found := m.filed(t, digest); found == nil || found.Outcome != evidence.Passed || !slices.Contains(found.Passed, "tiny/direct.kernel") {
			t.Errorf("evidence about %s: %+v", digest, found)
		}
	}
	for _, name := range []string{report.HTMLFile, report.JUnitFile, "direct/console-boot.log"} {
		if info, err := os.Stat(filepath.Join(c.artifacts, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A failed test is evidence too.
func TestFailedTestIsEvidence(t *testing.T) {
	nothingLeft(t)
	m := bundleOf(t, tinyguest.FailedUnit)
	c := call(t.Context(), t, QemuTester, m.args...)
	if got := c.status(t, "units"); c.code != cli.ExitFailed || got.Status != guest.Failed {
		t.Fatalf("exit code %d, %+v", c.code, got)
	}
	if found := m.filed(t, m.digest); found == nil || found.Outcome != evidence.Failed || !slices.Equal(found.Failed, []string{"tiny/direct.units"}) {
		t.Errorf("evidence: %+v", found)
	}
}

// A run that was cut short is no verdict, and leaves nothing running.
func TestInterrupted(t *testing.T) {
	nothingLeft(t)
	m := bundleOf(t, tinyguest.OK)
	c := interrupted(t, QemuTester, "boot passed", m.args...)
	if c.code != cli.ExitFailed || !strings.Contains(c.stderr, "interrupted by SIGINT") {
		t.Errorf("exit code %d", c.code)
	}
	if got := c.status(t, "console").Reason; got != "not run: interrupted by SIGINT" {
		t.Errorf("what did not run says: %s", got)
	}
	if _, err := os.Stat(m.store); err == nil {
		t.Error("there is evidence of a run that was cut short")
	}
}

// A disk that is not what its record says is refused: its evidence would be about another image.
func TestChangedDiskIsRefused(t *testing.T) {
	m := bundleOf(t, tinyguest.OK)
	m.record(t, madeOf)
	c := call(t.Context(), t, QemuTester, m.args...)
	if c.code != cli.ExitFailed || !strings.Contains(c.stderr, "changed since it was made") {
		t.Errorf("exit code %d", c.code)
	}
}

// A qcow2 that is only a difference to another file says nothing about that file.
func TestBackedDiskIsRefused(t *testing.T) {
	header := make([]byte, 4096)
	copy(header, "QFI\xfb\x00\x00\x00\x03")
	header[15] = 112 // where the name of the other file is
	file := write(t, "backed.qcow2", string(header))
	c := call(t.Context(), t, Test, "--image", file, "--plan", write(t, "plan.yaml", tinyPlan))
	if c.code != cli.ExitFailed || !strings.Contains(c.stderr, "another file") {
		t.Errorf("exit code %d", c.code)
	}
}

func TestPresubmitFilesNoEvidence(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"JOB_TYPE": "presubmit", "PULL_NUMBER": "1", "PULL_PULL_SHA": "a", "ARTIFACTS": t.TempDir()}[name]
	}
	var said strings.Builder
	env := cli.Env{Args: []string{"--image", "x", "--plan", "y", "--store", "s", "--key", "k", "--log", "https://l"}, Stdout: &said, Stderr: &said, Getenv: getenv}
	if code := cli.Run(t.Context(), env, QemuTester(env)); code != cli.ExitMisused || !strings.Contains(said.String(), "presubmit") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
}

func TestCheck(t *testing.T) {
	c := call(t.Context(), t, Check, "--plan", write(t, "plan.yaml", tinyPlan))
	if c.code != cli.ExitDone || !strings.Contains(c.stdout, "tiny: 3 tests under uefi with 256Mi of memory") {
		t.Errorf("exit code %d", c.code)
	}
}
