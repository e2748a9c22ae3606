package golang

import (
	"archive/zip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"
)

// fileProxy is a module proxy in a folder, as GOPROXY=file:// reads it. The go
// command that reads it is real, so no test here needs the network.
type fileProxy struct{ dir string }

func newFileProxy(t *testing.T) fileProxy { return fileProxy{t.TempDir()} }

// add publishes a module whose zip holds files.
func (p fileProxy) add(t *testing.T, path, version, goMod string, files map[string]string) {
	t.Helper()
	base := filepath.Join(p.dir, path, "@v", version)
	writeTree(t, p.dir, map[string]string{
		path + "/@v/" + version + ".info": `{"Version":"` + version + `"}`,
		path + "/@v/" + version + ".mod":  goMod,
	})
	out, err := os.Create(base + ".zip")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	for name, text := range files {
		w, err := archive.Create(path + "@" + version + "/" + name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}

// env is an environment that fetches from p alone, with secrets that no child may see.
func (p fileProxy) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "GOPROXY=file://" + p.dir, "GOSUMDB=off",
		"GOFLAGS=-mod=vendor", "GITHUB_TOKEN=secret", "NETRC=/secret", "GOAUTH=netrc", "HOME=/secret",
	}
}

// sum is the lines of a go.sum for a module of the proxy.
func (p fileProxy) sum(t *testing.T, path, version string) string {
	t.Helper()
	base := filepath.Join(p.dir, path, "@v", version)
	whole, err := dirhash.HashZip(base+".zip", dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return os.Open(base + ".mod") })
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s\n%s %s/go.mod %s\n", path, version, whole, path, version, mod)
}
