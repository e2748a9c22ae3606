// Package release is what one build produced, and the records that lead to it.
//
// A release is assembled from records that are each created once: the commit's
// record claims a version for it, and one record a target names the artifacts
// that were verified and uploaded. The release itself is a pure function of
// those, so two runs that race, or one that was killed and run again, write the
// same bytes. Keys in the store:
//
//	commits/<org>/<repo>/<commit>.json             which version the commit has
//	releases/<org>/<repo>/<version>/targets/<target>.json  what a target's build produced
//	releases/<org>/<repo>/<version>/release.json   the release: complete from here on
//	blobs/sha256/<digest>                          the artifacts' bytes
package release

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

// Schema names the form of release.json.
const Schema = "slipway.dev/release/v1"

// Repository is where a release's commit lives.
type Repository struct {
	Org  string `json:"org"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

// String is org/name.
func (r Repository) String() string { return r.Org + "/" + r.Name }

// ParseRepository takes a repository's organisation and name from its URL or path:
// the last two elements, without .git. The host does not count, so that a mirror's
// releases are the repository's. The URL that is kept holds no password.
func ParseRepository(url string) (Repository, error) {
	where := git.Web(url)
	if _, rest, ok := strings.Cut(where, "://"); ok {
		_, where, _ = strings.Cut(rest, "/")
	}
	parts := strings.Split(strings.Trim(path.Clean("/"+where), "/"), "/")
	name := parts[len(parts)-1]
	if len(parts) < 2 || strings.Trim(name, ".") == "" {
		return Repository{}, fmt.Errorf("repository %q has no organisation and name; write a URL or path that ends in ORG/NAME", git.Shown(url))
	}
	return Repository{Org: parts[len(parts)-2], Name: name, URL: git.Shown(url)}, nil
}

// Artifact is a file that a build produced.
type Artifact struct {
	Name   string `json:"name"`   // file name, unique in its release
	Kind   Kind   `json:"kind"`   // what it is
	Digest string `json:"digest"` // sha256:<hex>
	Size   int64  `json:"size"`   // bytes

	Package *Package `json:"package,omitempty"` // of packages alone
}

// Kind says what an artifact is.
type Kind string

// The kinds of artifacts.
const (
	KindPackage    Kind = "package"    // installable
	KindSource     Kind = "source"     // source package
	KindSBOM       Kind = "sbom"       // SPDX document of one package
	KindProvenance Kind = "provenance" // SLSA statement about a target's packages
	KindLock       Kind = "lock"       // every package of the build root
	KindReport     Kind = "report"     // JUnit XML
)

// Package is a package as it names itself.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
}

// Target is what the build of one target produced.
type Target struct {
	Name      string     `json:"name"`
	Commit    string     `json:"commit"`
	Root      string     `json:"root"`            // what it was built in
	Notes     []string   `json:"notes,omitempty"` // what a reader should know
	Artifacts []Artifact `json:"artifacts"`
}

// Commit is the record that gives a commit its version.
type Commit struct {
	Repository Repository      `json:"repository"`
	Commit     string          `json:"commit"`
	Version    version.Version `json:"version"`
	Targets    []string        `json:"targets"` // sorted; none for a tag alone
	Claimed    time.Time       `json:"claimed"`
}

// Release is {repository, commit, version, artifacts}.
type Release struct {
	Schema     string          `json:"schema"`
	Repository Repository      `json:"repository"`
	Commit     string          `json:"commit"`
	Version    version.Version `json:"version"`
	Claimed    time.Time       `json:"claimed"`
	Targets    []Target        `json:"targets"`
}

// Assemble makes the release of a commit from its targets' records. Two targets
// with one file name, or a record of another commit, are errors.
func Assemble(commit Commit, targets []Target) (Release, error) {
	r := Release{
		Schema: Schema, Repository: commit.Repository, Commit: commit.Commit,
		Version: commit.Version, Claimed: commit.Claimed, Targets: slices.Clone(targets),
	}
	slices.SortFunc(r.Targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	owner := map[string]string{}
	for _, t := range r.Targets {
		if t.Commit != commit.Commit {
			return Release{}, fmt.Errorf("release %s of %s: target %s was built from commit %s, not %s",
				r.Version, r.Repository, t.Name, t.Commit, commit.Commit)
		}
		for _, a := range t.Artifacts {
			if other, taken := owner[a.Name]; taken {
				return Release{}, &NameClash{Name: a.Name, Targets: [2]string{other, t.Name}}
			}
			owner[a.Name] = t.Name
		}
	}
	return r, nil
}

// NameClash is two targets that produced the same file name.
type NameClash struct {
	Name    string
	Targets [2]string
}

func (e *NameClash) Error() string {
	return fmt.Sprintf("targets %s and %s both produced %s; give their rows in targets.yaml different suffixes, or build only one",
		e.Targets[0], e.Targets[1], e.Name)
}

// Artifacts lists all artifacts, in the order of targets.
func (r Release) Artifacts() []Artifact {
	var all []Artifact
	for _, t := range r.Targets {
		all = append(all, t.Artifacts...)
	}
	return all
}
