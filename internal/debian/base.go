package debian

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// RootFile is what a base image's Dockerfile adds to scratch.
const RootFile = "rootfs.tar"

// The scripts that mmdebstrap runs with the root's folder: before the packages are
// unpacked, and when all is installed.
var (
	//go:embed base-begin
	baseBegin []byte
	//go:embed base-finish
	baseFinish []byte
)

// writeBase makes the root file system of the locked packages at file.
func (a Archive) writeBase(ctx context.Context, lock Lock, arch, file string) error {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return fmt.Errorf("mmdebstrap is not installed; run: apt-get install --no-install-recommends mmdebstrap")
	}
	ctx, done := a.begin(ctx, "make the root file system of "+lock.Suite)
	defer done()
	work, err := os.MkdirTemp(a.cache(), "base-") // where packages can be linked to
	if err != nil {
		return fmt.Errorf("make a folder for packages: %w", err)
	}
	defer os.RemoveAll(work)
	if err := a.repository(ctx, lock.Packages[arch], filepath.Join(work, "packages")); err != nil {
		return fmt.Errorf("make an archive of the locked packages: %w", err)
	}
	for name, script := range map[string][]byte{"begin": baseBegin, "finish": baseFinish} {
		if err := os.WriteFile(filepath.Join(work, name), script, 0o755); err != nil {
			return err
		}
	}
	said := &ending{}
	err = exec.Run(ctx, exec.Cmd{
		Args: append(bootstrap(), baseArgs(lock, arch, work, file)...), Env: baseEnv(lock), Stdout: said, Stderr: said,
	})
	if err != nil {
		return fmt.Errorf("make the root file system of %s: %w:\n%s", lock.Suite, err, said)
	}
	return nil
}

// baseEnv fixes what programs take from the clock.
func baseEnv(lock Lock) []string {
	return toolEnv(
		"SOURCE_DATE_EPOCH="+strconv.FormatInt(lock.Snapshot.Unix(), 10),
		"SLIPWAY_SOURCES="+strings.Join(sources(DefaultMirror, defaultKeyring, lock.Suite), "\n"))
}

// bootstrap is how mmdebstrap begins. For root, unshare gives it a process
// namespace, so that all of it ends when slipway does.
func bootstrap() []string {
	if os.Geteuid() != 0 {
		return []string{"mmdebstrap", "--mode=unshare"}
	}
	return []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", "mmdebstrap", "--mode=root"}
}

// baseArgs make mmdebstrap write file from the folder work. Documentation other than
// copyright files stays out, now and in what is installed on top.
func baseArgs(lock Lock, arch, work, file string) []string {
	var names []string
	for _, p := range lock.Packages[arch] {
		names = append(names, p.Name)
	}
	args := []string{
		"--variant=custom", "--format=tar", "--architectures=" + arch, // custom: all packages are named, and no others
		"--include=" + strings.Join(names, ","),
		"--setup-hook=" + filepath.Join(work, "begin"),
		"--customize-hook=" + filepath.Join(work, "finish"),
		"--dpkgopt=force-unsafe-io", // an image that a crash damaged is made anew
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright",
	}
	for _, dir := range []string{"info", "locale", "man"} {
		args = append(args, "--dpkgopt=path-exclude=/usr/share/"+dir+"/*")
	}
	return append(args, lock.Suite, file, "deb [trusted=yes] copy://"+filepath.Join(work, "packages")+" ./")
}

// ending keeps the end of what a tool says.
type ending struct{ text []byte }

const endingSize = 4 << 10

func (e *ending) Write(p []byte) (int, error) {
	e.text = append(e.text, p...)
	if over := len(e.text) - endingSize; over > 0 {
		e.text = e.text[over:]
	}
	return len(p), nil
}

func (e *ending) String() string { return strings.TrimSpace(string(e.text)) }
