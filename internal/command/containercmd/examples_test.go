package containercmd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/testkit/need"
)

const examples = "../../../examples/container-plans/"

// The plans that are shown to people are good ones.
func TestExamplePlans(t *testing.T) {
	plans, err := filepath.Glob(examples + "*.yaml")
	if err != nil || len(plans) < 3 {
		t.Fatalf("%q, %v", plans, err)
	}
	for _, file := range plans {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nsuites:\n") {
			continue // which internal/pairing reads
		}
		set := map[string]string{}
		for _, found := range variable.FindAllStringSubmatch(string(text), -1) {
			set[found[1]] = "74"
		}
		if _, _, err := (&flags{set: set}).loadPlan(file); err != nil {
			t.Error(err)
		}
	}
}

// mirror is a repository with a package of a version that no Debian will have.
func mirror(t *testing.T, name string) (folder string) {
	t.Helper()
	need.Tool(t, "dpkg-deb", "dpkg")
	folder = t.TempDir()
	tree := filepath.Join(t.TempDir(), "tree")
	control := fmt.Sprintf("Package: %s\nVersion: 9999\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: newer than any\n", name)
	for file, text := range map[string]string{"DEBIAN/control": control, "usr/share/upgraded": "yes\n"} {
		path := filepath.Join(tree, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, name+".deb")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"dpkg-deb", "--root-owner-group", "--build", tree, file}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	index := control + fmt.Sprintf("Filename: ./%s.deb\nSize: %d\nSHA256: %s\n", name, len(data), hex.EncodeToString(sum[:]))
	if err := os.WriteFile(filepath.Join(folder, "Packages"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestUpgrade upgrades a package of the container from a mirror that is shown in it, without
// a network, as the plan does that is shown to people.
func TestUpgrade(t *testing.T) {
	root := containertest.Root(t)
	sources := write(t, "sources.list", "deb [trusted=yes] file:/srv/mirror ./\n")
	text, err := os.ReadFile(examples + "upgrade.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Replace(string(text), " upgrade\"]", " upgrade; cat /usr/share/upgraded\"]", 1)
	if plan == string(text) {
		t.Fatal("the plan does not end its upgrade as this test thinks")
	}
	if err := os.Chmod(sources, 0o644); err != nil {
		t.Fatal(err)
	}
	c := call(t.Context(), t, Test, "rootfs:"+root, "--runtime", "nspawn", "--plan", write(t, "plan.yaml", plan),
		"--bind", mirror(t, "tzdata")+":/srv/mirror", "--bind", sources+":/etc/apt/sources.list")
	if got := c.status(t, "upgrade"); c.code != cli.ExitDone || got.Status != guest.Passed {
		t.Errorf("exit code %d, %+v", c.code, got)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/share/upgraded")); err == nil {
		t.Error("the image was changed")
	}
}
