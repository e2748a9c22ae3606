package version

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	tagPrefix   = "refs/tags/"
	claimPrefix = "refs/slipway/claims/"
)

// TagRef is the full name of v's tag.
func TagRef(v Version) string { return tagPrefix + v.String() }

// ClaimRef is the full name of the ref that claims v.
func ClaimRef(v Version) string { return claimPrefix + v.String() }

// Refs reads and writes the refs of one repository. Packages gitrefs (any git
// remote) and githubrefs (GitHub's API) implement it. All methods may be called
// at the same time.
type Refs interface {
	// List returns the refs whose full names begin with one of prefixes. It may
	// return others too.
	List(ctx context.Context, prefixes []string) ([]Ref, error)
	// Create makes an annotated tag object and the ref name that points at it,
	// and returns the object's hash. Of several callers one wins; for the others,
	// and whenever the ref is there already, the error is ErrExists.
	Create(ctx context.Context, name string, tag TagObject) (object string, err error)
	// Delete removes the ref if it still points at object. A ref that is gone
	// already is no error; one that points elsewhere is.
	Delete(ctx context.Context, name, object string) error
}

// ErrExists is a ref that could not be created because it is there already.
var ErrExists = errors.New("ref exists already")

// Ref is a ref of a remote repository.
type Ref struct {
	Name   string // full: refs/tags/20261121.00
	Object string // hash that the ref holds
	Peeled string // the commit behind an annotated tag, else Object; empty where it would cost a request to know
}

// TagObject is an annotated tag to be made.
type TagObject struct {
	Commit  string    // full hash of what is tagged
	Name    string    // in the object; the last part of the ref's name by custom
	Message string    // text
	Tagger  Tagger    // zero is DefaultTagger
	Time    time.Time // zero is the time at which it is made
}

// Tagger is who makes a tag.
type Tagger struct{ Name, Email string }

// DefaultTagger signs tags whose maker has no identity, as a job in a pod.
var DefaultTagger = Tagger{Name: "Slipway", Email: "slipway@slipway.dev"}

// WithDefaults fills in what the caller left open; backends call it.
func (t TagObject) WithDefaults() TagObject {
	if t.Tagger == (Tagger{}) {
		t.Tagger = DefaultTagger
	}
	if t.Time.IsZero() {
		t.Time = time.Now()
	}
	return t
}

// standing is a version that a ref stands for.
type standing struct {
	Version
	Ref Ref
}

// survey is what was found in a repository: versions only.
type survey struct{ tags, claims []standing }

func look(ctx context.Context, refs Refs, prefixes ...string) (survey, error) {
	found, err := refs.List(ctx, prefixes)
	if err != nil {
		return survey{}, fmt.Errorf("list versions: %w", err)
	}
	var s survey
	for _, ref := range found {
		s.tags = appendVersion(s.tags, ref, tagPrefix)
		s.claims = appendVersion(s.claims, ref, claimPrefix)
	}
	return s, nil
}

func appendVersion(list []standing, ref Ref, prefix string) []standing {
	name, ok := strings.CutPrefix(ref.Name, prefix)
	if !ok {
		return list
	}
	v, err := Parse(name)
	if err != nil {
		return list // stable, v1.2: tags of other kinds
	}
	return append(list, standing{v, ref})
}

// claimOf is the lowest claim of commit.
func (s survey) claimOf(commit string) (lowest standing, ok bool) {
	for _, c := range s.claims {
		if c.Ref.Peeled == commit && (!ok || c.Compare(lowest.Version) < 0) {
			lowest, ok = c, true
		}
	}
	return lowest, ok
}

// tag finds v's tag under any of its spellings.
func (s survey) tag(v Version) (Ref, bool) {
	for _, t := range s.tags {
		if t.Version == v {
			return t.Ref, true
		}
	}
	return Ref{}, false
}

// used are the numbers that stand, tagged or claimed.
func (s survey) used() []Version {
	var used []Version
	for _, t := range s.tags {
		used = append(used, t.Version)
	}
	for _, c := range s.claims {
		used = append(used, c.Version)
	}
	return used
}

// latest is what stands for the latest version.
func (s survey) latest() (latest standing) {
	for _, list := range [][]standing{s.tags, s.claims} {
		for _, c := range list {
			if c.Compare(latest.Version) > 0 {
				latest = c
			}
		}
	}
	return latest
}
