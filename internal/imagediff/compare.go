package imagediff

import (
	"cmp"
	"slices"
	"strings"
)

// Diff is in what the image B differs from A.
type Diff struct {
	A         string         `json:"a"` // digest
	B         string         `json:"b"`
	MediaType []Change       `json:"mediaType,omitempty"`
	Platforms []PlatformDiff `json:"platforms"`
}

// Same says whether they are one and the same image.
func (d Diff) Same() bool { return d.A == d.B }

// PlatformDiff is in what one platform's parts differ.
type PlatformDiff struct {
	Platform string   `json:"platform"`
	A        string   `json:"a,omitempty"` // digest; empty if only B has the platform
	B        string   `json:"b,omitempty"`
	Size     Sizes    `json:"size"`
	Config   []Change `json:"config,omitempty"`
	Layers   Layers   `json:"layers"`
	Packages Packages `json:"packages"`
}

// Sizes are those of both in bytes.
type Sizes struct {
	A int64 `json:"a"`
	B int64 `json:"b"`
}

// Change is one setting that differs; nil is a setting that one does not have.
type Change struct {
	Field string  `json:"field"`          // env, label, entrypoint ...
	Name  string  `json:"name,omitempty"` // of the variable, label or port
	A     *string `json:"a"`
	B     *string `json:"b"`
}

// Layers are those that both have, and those that one has.
type Layers struct {
	Shared     int     `json:"shared"`
	SharedSize int64   `json:"sharedSize"`
	Added      []Layer `json:"added,omitempty"`   // only B has
	Removed    []Layer `json:"removed,omitempty"` // only A has
}

// Packages are those in which the two differ, by name.
type Packages struct {
	Changed []PackageChange `json:"changed,omitempty"`
	Added   []Package       `json:"added,omitempty"`   // only B has
	Removed []Package       `json:"removed,omitempty"` // only A has
	Unread  []string        `json:"unread,omitempty"`  // what was not compared, and why
}

// PackageChange is a package that both have in different versions. Package is B's.
type PackageChange struct {
	Package
	From string `json:"from"` // A's version
	Way  Way    `json:"way"`
}

// Way is which of two versions is newer.
type Way string

// The ways. Of some package managers' versions nobody here knows which is newer.
const (
	Upgraded   Way = "upgraded"
	Downgraded Way = "downgraded"
	Changed    Way = "changed"
)

// Compare compares two images. Packages are compared as far as ReadPackages read them.
func Compare(a, b Image) Diff {
	d := Diff{A: a.Digest, B: b.Digest}
	d.MediaType = appendText(nil, "media type", a.MediaType, b.MediaType)
	for _, pair := range pairs(a.Platforms, b.Platforms) {
		d.Platforms = append(d.Platforms, pair.compare())
	}
	return d
}

// pair is a platform in both images; one of the two may be nil.
type pair struct{ a, b *Platform }

// pairs are in a's order, and then in b's. Of equal names, the first is paired with the
// first.
func pairs(a, b []Platform) []pair {
	var all []pair
	for i := range a {
		all = append(all, pair{a: &a[i]})
	}
	for i := range b {
		same := func(p pair) bool { return p.b == nil && p.a != nil && p.a.Name == b[i].Name }
		if at := slices.IndexFunc(all, same); at >= 0 {
			all[at].b = &b[i]
		} else {
			all = append(all, pair{b: &b[i]})
		}
	}
	return all
}

func (p pair) compare() PlatformDiff {
	switch {
	case p.b == nil:
		return PlatformDiff{Platform: p.a.Name, A: p.a.Digest, Size: Sizes{A: p.a.Size}, Layers: Layers{Removed: p.a.Layers}}
	case p.a == nil:
		return PlatformDiff{Platform: p.b.Name, B: p.b.Digest, Size: Sizes{B: p.b.Size}, Layers: Layers{Added: p.b.Layers}}
	}
	d := PlatformDiff{
		Platform: p.a.Name, A: p.a.Digest, B: p.b.Digest, Size: Sizes{p.a.Size, p.b.Size},
		Config:   compareConfigs(p.a.Config, p.b.Config),
		Layers:   compareLayers(p.a.Layers, p.b.Layers),
		Packages: comparePackages(p.a.Packages, p.b.Packages),
	}
	d.Packages.Unread = slices.Compact(slices.Sorted(slices.Values(slices.Concat(p.a.Unread, p.b.Unread))))
	return d
}

func compareLayers(a, b []Layer) (l Layers) {
	l.Removed, l.Added = without(a, b, layerDigest), without(b, a, layerDigest)
	l.Shared = len(a) - len(l.Removed)
	for _, layer := range a {
		l.SharedSize += layer.Size
	}
	for _, layer := range l.Removed {
		l.SharedSize -= layer.Size
	}
	return l
}

func layerDigest(l Layer) string { return l.Digest }

// without is what of all is not in others, each as often as it is there more often.
func without[T any, K comparable](all, others []T, key func(T) K) (rest []T) {
	there := map[K]int{}
	for _, o := range others {
		there[key(o)]++
	}
	for _, one := range all {
		if there[key(one)]--; there[key(one)] < 0 {
			rest = append(rest, one)
		}
	}
	return rest
}

// comparePackages takes one that is gone and one that is new for a change if they have
// one name.
func comparePackages(a, b []Package) (p Packages) {
	whole := func(p Package) Package { return p }
	removed, added := without(a, b, whole), without(b, a, whole)
	sortPackages(removed)
	sortPackages(added)
	for len(removed) > 0 || len(added) > 0 {
		switch {
		case len(added) == 0, len(removed) > 0 && byName(removed[0], added[0]) < 0:
			p.Removed, removed = append(p.Removed, removed[0]), removed[1:]
		case len(removed) == 0, byName(removed[0], added[0]) > 0:
			p.Added, added = append(p.Added, added[0]), added[1:]
		default:
			p.Changed = append(p.Changed, PackageChange{added[0], removed[0].Version, way(removed[0], added[0])})
			removed, added = removed[1:], added[1:]
		}
	}
	return p
}

func sortPackages(all []Package) {
	slices.SortFunc(all, func(a, b Package) int { return cmp.Or(byName(a, b), strings.Compare(a.Version, b.Version)) })
}

func byName(a, b Package) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Arch, b.Arch), strings.Compare(a.Format, b.Format))
}

func way(from, to Package) Way {
	if to.Format != dpkg {
		return Changed
	}
	switch newer := compareVersions(to.Version, from.Version); {
	case newer > 0:
		return Upgraded
	case newer < 0:
		return Downgraded
	}
	return Changed // two ways to write one version
}
