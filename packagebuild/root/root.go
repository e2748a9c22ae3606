// Package root makes clean roots: the file systems that packages are built in.
//
// A root is a stack of layers for package sandbox: a Debian suite as mmdebstrap
// makes it, or a container image, and on it the build dependencies of one source.
// Layers are cached and shared. The invariant: a layer is in the cache whole or not
// at all, whoever is killed; it never changes there; and beside it lies its lock,
// which names every package in it with the checksum that the archive signed.
package root

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/packagebuild"
)

// Manager makes roots and keeps them in a cache. Its zero value is ready to use.
// One may be used from many goroutines, and many processes may share a cache.
type Manager struct {
	Cache  string        // folder on a real file system; empty is slipway/roots in the user's cache folder
	Mirror string        // URL of Debian's archives debian and debian-security; empty is DefaultMirror
	MaxAge time.Duration // after which what follows a moving suite is made anew; 0 is a week
	Keep   time.Duration // unused layers are removed after that, when another is made; 0 is 30 days
	Wait   time.Duration // for another process, and for one layer to be made; 0 is 30 minutes
	Log    *logrus.Entry // progress; nil is none

	mu   sync.Mutex
	held map[string]*os.File // layers handed out, by folder: locked against Prune
}

// DefaultMirror serves Debian's archives.
const DefaultMirror = "http://deb.debian.org"

const (
	defaultMaxAge = 7 * 24 * time.Hour
	defaultKeep   = 30 * 24 * time.Hour
	defaultWait   = 30 * time.Minute
)

// Needs is what a build needs beside what its target has.
type Needs struct {
	Dependencies []string // Debian relations, for a root with apt
	Native       []string // names of packages, for an image root with dnf, microdnf or yum
	Cross        string   // architecture to cross-build for, as Debian names it; empty is a native build
}

// Root is a root that is ready to build in.
type Root struct {
	Layers   []string        // folders, topmost first: sandbox.Config's Lower
	Packages []LockedPackage // all that is installed, sorted by name, architecture and version
	Suite    string          // Debian suite that it was made from, or empty
	Image    string          // image that it was made from, or empty
	Native   bool            // an image root: packages are named as its distribution names them
}

// LockedPackage is one installed package, pinned.
type LockedPackage struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"` // of the .deb, of the rpm's header, or of the image that it came in
}

// Root returns the target's root with what the build needs installed, making what
// of it is not in the cache or too old there. What it returns stays until Close.
func (m *Manager) Root(ctx context.Context, target packagebuild.Target, needs Needs) (*Root, error) {
	if err := m.prepare(); err != nil {
		return nil, err
	}
	base, err := m.base(ctx, target)
	if err != nil {
		return nil, err
	}
	root := &Root{
		Layers:   []string{base.tree()},
		Packages: base.packages,
		Suite:    target.Root.Suite,
		Image:    target.Root.Image,
		Native:   target.Root.Image != "",
	}
	install := plan(root, needs)
	if install == nil {
		return root, nil
	}
	top, err := m.dependencies(ctx, target, base, *install)
	if err != nil {
		return nil, err
	}
	root.Layers = append([]string{top.tree()}, root.Layers...)
	root.Packages = top.packages
	return root, nil
}

func (m *Manager) base(ctx context.Context, target packagebuild.Target) (layer, error) {
	if target.Root.Image != "" {
		return m.layer(ctx, m.imageLayer(target))
	}
	return m.layer(ctx, m.suiteLayer(target))
}

// Close lets Prune remove what Root returned.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir, f := range m.held {
		f.Close()
		delete(m.held, dir)
	}
	return nil
}

// folder is a folder of the cache.
func (m *Manager) folder(name string) string { return filepath.Join(m.Cache, name) }

// The folders of a cache.
const (
	layersFolder  = "layers"  // NAME.ID: what is whole
	makingFolder  = "making"  // what is not, yet
	locksFolder   = "locks"   // who makes NAME
	logsFolder    = "logs"    // what the tools said that made NAME
	scratchFolder = "scratch" // of sandboxes
)

// prepare makes the cache's folders. They are nobody else's business: layers hold
// programs that run as root.
func (m *Manager) prepare() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find a place for clean roots: %w; name one with Cache", err)
		}
		m.Cache = filepath.Join(dir, "slipway", "roots")
	}
	if err := os.MkdirAll(m.Cache, 0o700); err != nil {
		return fmt.Errorf("prepare the cache of clean roots: %w", err)
	}
	for _, name := range []string{layersFolder, makingFolder, locksFolder, logsFolder, scratchFolder} {
		if err := os.MkdirAll(m.folder(name), 0o755); err != nil {
			return fmt.Errorf("prepare the cache of clean roots: %w", err)
		}
	}
	return nil
}

func (m *Manager) log() *logrus.Entry {
	if m.Log != nil {
		return m.Log
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	return logrus.NewEntry(silent)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
