package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/filelock"
)

// part is how much of Kubernetes a program has.
type part struct {
	name, tags, takes string
}

var (
	node    = part{"kubernetes", "", "ten minutes"}
	control = part{"kubernetes-control", "control", "seven minutes"}
)

// install returns the path of a program, and builds it first if this user never did:
// that takes minutes of a processor. Who comes meanwhile waits.
func (p part) install(ctx context.Context, say func(string, ...any)) (string, error) {
	source, err := sourceFolder()
	if err != nil {
		return "", err
	}
	version, sum, err := describe(source)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "slipway", "tools", p.name+"-"+version+"-"+sum)
	file := filepath.Join(dir, "kubernetes")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	w := filelock.Waiter{For: "Kubernetes " + version, Limit: buildDeadline, Say: func(message string) { say("%s", message) }}
	unlock, err := w.Lock(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(file); err == nil {
		return file, nil // another process built it
	}
	say("building Kubernetes %s once, into %s: this takes about %s", version, dir, p.takes)
	return file, p.build(ctx, source, version, dir)
}

// build builds aside and renames, so that a build that is killed leaves no program.
func (p part) build(ctx context.Context, source, version, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(aside) }()
	err = exec.Run(ctx, exec.Cmd{
		Args: []string{"go", "build", "-trimpath", "-buildvcs=false", "-tags", p.tags,
			"-ldflags", "-s -w -X k8s.io/component-base/version.gitVersion=" + version,
			"-o", filepath.Join(aside, "kubernetes"), "."},
		Dir: source,
		Env: append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off"),
	})
	if err != nil {
		return fmt.Errorf("build %s: %w", source, err)
	}
	return os.Rename(aside, dir)
}

// sourceFolder finds tools/kubernetes above the working folder, which for a test is
// its package's.
func sourceFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		source := filepath.Join(dir, "tools", "kubernetes")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source, nil
		}
	}
	return "", errors.New("find tools/kubernetes: it is in no folder above the working folder; run inside the repository")
}

var required = regexp.MustCompile(`(?m)^\s+k8s\.io/kubernetes (v\S+)`)

// describe reads which Kubernetes the source is, and names all that it is made of.
func describe(source string) (version, sum string, err error) {
	hash := sha256.New()
	for _, name := range []string{"go.mod", "go.sum", "main.go", "node.go", "control.go"} {
		content, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", "", err
		}
		digest := sha256.Sum256(content)
		_, _ = hash.Write(digest[:])
		if found := required.FindSubmatch(content); name == "go.mod" && found != nil {
			version = string(found[1])
		}
	}
	if version == "" {
		return "", "", fmt.Errorf("read %s/go.mod: it requires no k8s.io/kubernetes", source)
	}
	return version, hex.EncodeToString(hash.Sum(nil))[:12], nil
}
