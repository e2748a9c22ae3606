package image

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// variant says which architecture a Dockerfile of this name is for; that of a plain
// one is "".
func variant(base string) (arch string, ok bool) {
	if base == "Dockerfile" {
		return "", true
	}
	suffix, ok := strings.CutPrefix(base, "Dockerfile.")
	arch = Arch(suffix)
	return arch, ok && arch != ""
}

// Arch is Go's name of an architecture that goes by several, or "" if it is none
// that images are built for.
func Arch(name string) string {
	switch name {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "amd64", "arm64", "386", "arm", "ppc64le", "riscv64", "s390x":
		return name
	}
	return ""
}

// variants are an image's Dockerfiles by architecture.
func (t *Tree) variants(name string) map[string]string {
	found := map[string]string{}
	for _, e := range t.entries[name] {
		arch, ok := variant(path.Base(e.path))
		if ok && path.Dir(e.path) == t.folderOf(name) && t.exists(e) {
			found[arch] = path.Base(e.path)
		}
	}
	return found
}

// undeclared are the architectures of an image that says nothing else: those that
// its Dockerfiles are called after, and amd64 for a plain one.
func undeclared(variants map[string]string) []string {
	archs := slices.Collect(maps.Keys(variants))
	if i := slices.Index(archs, ""); i >= 0 {
		archs[i] = "amd64"
	}
	slices.Sort(archs)
	return slices.Compact(archs)
}

// declared are the architectures in an image's debian.yaml.
func (t *Tree) declared(name string) ([]string, error) {
	file := path.Join(t.folderOf(name), "debian.yaml")
	data, ok, err := t.content(file)
	if err != nil || !ok {
		return nil, err
	}
	var debian struct {
		Architectures []string `json:"architectures"`
	}
	if err := yaml.Unmarshal(data, &debian); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	for i, arch := range debian.Architectures {
		if debian.Architectures[i] = Arch(arch); debian.Architectures[i] == "" {
			return nil, fmt.Errorf("%s: there are no images for the architecture %q; write amd64 or arm64", file, arch)
		}
	}
	if len(debian.Architectures) == 0 {
		return []string{"amd64"}, nil
	}
	return debian.Architectures, nil
}

// onScratch says whether an image has nothing but what is compiled, on images that
// exist for arm64 too.
func (t *Tree) onScratch(n *node) bool {
	for _, d := range n.read {
		for _, ref := range d.refs {
			parent, ok := t.inTree(ref.name)
			if _, exists := t.entries[parent]; ref.name != scratch && (!ok || !exists) {
				return false
			}
			if ref.name == scratch {
				continue
			}
			p := t.node(parent)
			if p.ready && !slices.Contains(p.image.Architectures, "arm64") {
				return false
			}
		}
	}
	return true
}
