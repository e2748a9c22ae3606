package promotecmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"slipway.dev/slipway/internal/imagediff"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
)

// releaseDiff is in what two releases differ.
type releaseDiff struct {
	A       releaseName      `json:"a"`
	B       releaseName      `json:"b"`
	Same    int              `json:"same"` // artifacts that both have
	Changed []artifactChange `json:"changed,omitempty"`
	Added   []targetArtifact `json:"added,omitempty"`   // only B has
	Removed []targetArtifact `json:"removed,omitempty"` // only A has
}

type releaseName struct {
	Repository string `json:"repository"`
	Version    string `json:"version"`
	Commit     string `json:"commit"`
}

// targetArtifact is an artifact, and the target that it was built for.
type targetArtifact struct {
	Target string `json:"target"`
	release.Artifact
}

type artifactChange struct {
	A targetArtifact `json:"a"`
	B targetArtifact `json:"b"`
}

func compareReleases(ctx context.Context, a, b end) (*releaseDiff, error) {
	first, err := readRelease(ctx, a.Location, a.Digest)
	if err != nil {
		return nil, err
	}
	second, err := readRelease(ctx, b.Location, b.Digest)
	if err != nil {
		return nil, err
	}
	return diffReleases(first, second), nil
}

// readRelease reads a release's document, verified, from the store where it lies.
func readRelease(ctx context.Context, location, digest string) (release.Release, error) {
	s, err := storeurl.Open(ctx, location)
	if err != nil {
		return release.Release{}, err
	}
	hex := strings.TrimPrefix(digest, "sha256:")
	body, err := store.OpenBlob(ctx, s, hex)
	if err != nil {
		return release.Release{}, err
	}
	defer func() { _ = body.Close() }()
	_, rel, err := release.ReadDocument(body)
	if err != nil {
		return release.Release{}, fmt.Errorf("read %s: %w", s.URL(store.BlobKey(hex)), err)
	}
	return rel, nil
}

// diffReleases compares artifacts by target and name. Names hold their release's
// version, which does not make them other artifacts.
func diffReleases(a, b release.Release) *releaseDiff {
	d := &releaseDiff{A: nameOf(a), B: nameOf(b)}
	before := map[string]targetArtifact{}
	for _, artifact := range artifactsOf(a) {
		before[artifact.key(a)] = artifact
	}
	there := map[string]bool{}
	for _, artifact := range artifactsOf(b) {
		key := artifact.key(b)
		old, ok := before[key]
		there[key] = true
		switch {
		case !ok:
			d.Added = append(d.Added, artifact)
		case old.Digest == artifact.Digest:
			d.Same++
		default:
			d.Changed = append(d.Changed, artifactChange{old, artifact})
		}
	}
	for _, artifact := range artifactsOf(a) {
		if !there[artifact.key(a)] {
			d.Removed = append(d.Removed, artifact)
		}
	}
	return d
}

func nameOf(r release.Release) releaseName {
	return releaseName{r.Repository.String(), r.Version.String(), r.Commit}
}

func artifactsOf(r release.Release) (all []targetArtifact) {
	for _, t := range r.Targets {
		for _, a := range t.Artifacts {
			all = append(all, targetArtifact{t.Name, a})
		}
	}
	return all
}

func (a targetArtifact) key(r release.Release) string {
	return a.Target + "/" + strings.ReplaceAll(a.Name, r.Version.String(), "VERSION")
}

func (d *releaseDiff) print(w io.Writer) {
	fmt.Fprintf(w, "%s %s of commit %s [was: %s %s of commit %s]\n", d.B.Repository, d.B.Version, d.B.Commit, d.A.Repository, d.A.Version, d.A.Commit)
	fmt.Fprintf(w, "artifacts: %d changed, %d added, %d removed, %d the same\n", len(d.Changed), len(d.Added), len(d.Removed), d.Same)
	for _, c := range d.Changed {
		fmt.Fprintf(w, "  %s [was: %s]\n", c.B, c.A.Artifact.Name+", "+imagediff.Size(c.A.Size)+packageOf(c.A))
	}
	for _, a := range d.Added {
		fmt.Fprintf(w, "  %s [added]\n", a)
	}
	for _, a := range d.Removed {
		fmt.Fprintf(w, "  %s [removed]\n", a)
	}
}

func (a targetArtifact) String() string {
	return a.Target + "/" + a.Name + ", " + imagediff.Size(a.Size) + packageOf(a)
}

// packageOf names the package that the artifact is, if it is one.
func packageOf(a targetArtifact) string {
	if a.Package == nil {
		return ""
	}
	return ", " + a.Package.Name + " " + a.Package.Version
}

// compareFiles compares what is known of files without reading them.
func compareFiles(ctx context.Context, a, b end) (*imagediff.Sizes, error) {
	first, err := fileSize(ctx, a.Location, a.Digest)
	if err != nil {
		return nil, err
	}
	second, err := fileSize(ctx, b.Location, b.Digest)
	return &imagediff.Sizes{A: first, B: second}, err
}

func fileSize(ctx context.Context, location, digest string) (int64, error) {
	s, err := storeurl.Open(ctx, location)
	if err != nil {
		return 0, err
	}
	info, err := s.Stat(ctx, store.BlobKey(strings.TrimPrefix(digest, "sha256:")))
	return info.Size, err
}
