// Package attest writes down what packages were made of: an SPDX SBOM for each,
// a SLSA provenance statement for all of a build, and the lock of its root.
//
// All three are functions of what was built and from what: they hold no time of
// day, no machine's name and no random number unless the caller gives one, so
// that building again gives the same bytes and a difference means something.
package attest

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/aside"
	"slipway.dev/slipway/packagebuild"
)

// Build is one build: what was asked for, where, and by whom.
type Build struct {
	Request   packagebuild.Request
	Root      []Dependency // every package in the root, as the lock names them
	GoVersion string       // go1.26.1; empty if the build was given no Go
	Builder   string       // URI of who vouches for the build

	// What follows makes a statement differ from run to run; empty leaves it out.
	Invocation        string // Prow's build id, or another name of this run
	Started, Finished time.Time
}

// Dependency is a package in a build's root.
type Dependency struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SHA256       string `json:"sha256"` // of the package file, in hex; empty if nobody knows
}

// Artifact is a package file that a build made.
type Artifact struct {
	packagebuild.Package
	SHA256   string   // of the file, in hex
	License  string   // what the package declares; empty is unknown
	Contents Contents // nil if the installed files cannot be read
}

// Contents opens an installed file of a package by its path in Package.Files.
// What it returns is closed if it is an io.Closer.
type Contents func(path string) (io.ReaderAt, error)

// Unpacked are the contents of a package that was unpacked into root. Links of
// the package that lead out of root are errors.
func Unpacked(root *os.Root) Contents {
	return func(path string) (io.ReaderAt, error) {
		// Without O_NONBLOCK a planted pipe would hold us for ever.
		f, err := root.OpenFile(strings.TrimPrefix(path, "/"), os.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return nil, errors.Join(err, f.Close(), fmt.Errorf("%s is no regular file", path))
		}
		return f, nil
	}
}

// Describe hashes the file of an inspected package.
func Describe(pkg packagebuild.Package) (Artifact, error) {
	file, err := os.Open(pkg.Path)
	if err != nil {
		return Artifact{}, fmt.Errorf("hash package: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return Artifact{}, fmt.Errorf("hash package: %w", err)
	}
	return Artifact{Package: pkg, SHA256: fmt.Sprintf("%x", hash.Sum(nil))}, nil
}

// FileName is the package's file without its folder.
func (a Artifact) FileName() string { return filepath.Base(a.Path) }

// Lock writes the packages of a root as JSON, sorted, to a file that must not
// exist yet. It is what another machine needs to make the same root.
func Lock(path string, packages []Dependency) error {
	text, err := json.MarshalIndent(map[string][]Dependency{"packages": sorted(packages)}, "", "  ")
	if err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	err = aside.Create(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n", text)
		return err
	})
	if err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// sorted is a copy of packages by name, then architecture, then version.
func sorted(packages []Dependency) []Dependency {
	byName := append([]Dependency{}, packages...)
	slices.SortFunc(byName, func(a, b Dependency) int {
		return slices.Compare([]string{a.Name, a.Architecture, a.Version}, []string{b.Name, b.Architecture, b.Version})
	})
	return byName
}
