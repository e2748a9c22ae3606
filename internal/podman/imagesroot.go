package podman

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// storageConfigurations are the files that say where podman's storage is, beside
// the environment.
var storageConfigurations = []string{
	"$CONTAINERS_STORAGE_CONF", "$CONTAINERS_CONF",
	"/usr/share/containers/storage.conf", "/etc/containers/storage.conf",
	"/usr/share/containers/containers.conf", "/etc/containers/containers.conf", "/etc/containers/containers.conf.d",
	"${XDG_CONFIG_HOME}/containers/storage.conf", "${XDG_CONFIG_HOME}/containers/containers.conf",
	"${HOME}/.config/containers/storage.conf", "${HOME}/.config/containers/containers.conf",
}

// storageVariables say it too, and who runs podman matters as well.
var storageVariables = []string{"HOME", "XDG_DATA_HOME", "STORAGE_DRIVER", "STORAGE_OPTS"}

// imageIndex is the path of the storage's index of images, or "" if podman is a
// client of another machine's. podman is asked once; the answer is kept in the
// cache under all that could change it.
func (p *Podman) imageIndex(ctx context.Context) (string, error) {
	if os.Getenv("CONTAINER_HOST") != "" {
		return "", nil
	}
	kept := p.keptRoot()
	if data, err := os.ReadFile(kept); err == nil {
		return indexOf(string(data)), nil
	}
	out, err := p.Output(ctx, "info", "--format", "json")
	if err != nil {
		return "", fmt.Errorf("ask podman where its storage is: %w; podman is broken here, try: %s", err, Install)
	}
	var info struct {
		Store struct{ GraphRoot, GraphDriverName string }
	}
	if err := json.Unmarshal(out, &info); err != nil {
		return "", fmt.Errorf("ask podman where its storage is: %w", err)
	}
	answer := info.Store.GraphDriverName + "\n" + info.Store.GraphRoot
	return indexOf(answer), writeAside(kept, answer)
}

// indexOf is the index's path by the answer that is kept: driver, line end, folder.
func indexOf(answer string) string {
	driver, root, _ := strings.Cut(answer, "\n")
	return filepath.Join(root, driver+"-images", "images.json")
}

// root is podman's storage folder as far as it is known, for errors.
func (p *Podman) root() string {
	data, err := os.ReadFile(p.keptRoot())
	if err != nil {
		return "podman's storage"
	}
	_, root, _ := strings.Cut(string(data), "\n")
	return root
}

// keptRoot is the file that keeps where the storage is, named by what decides it.
func (p *Podman) keptRoot() string {
	hash := sha256.New()
	program, _ := exec.LookPath("podman")
	for _, path := range append([]string{program}, storageConfigurations...) {
		path = os.ExpandEnv(path)
		changed := int64(0)
		if info, err := os.Stat(path); err == nil {
			changed = info.ModTime().UnixNano()
		}
		fmt.Fprintf(hash, "%q %d\n", path, changed)
	}
	for _, name := range storageVariables {
		fmt.Fprintf(hash, "%s=%q\n", name, os.Getenv(name))
	}
	fmt.Fprintf(hash, "%d\n", os.Geteuid())
	return filepath.Join(p.cache, "podman", "storage-"+hex.EncodeToString(hash.Sum(nil)[:8]))
}
