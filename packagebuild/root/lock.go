package root

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/sandbox"
)

// inside runs a program over the layers, throwing its changes away.
func (m *Manager) inside(ctx context.Context, layers []string, stdout io.Writer, args ...string) error {
	return sandbox.Run(ctx, sandbox.Config{
		Lower: layers, Work: m.folder(scratchFolder), Env: toolEnv(), Args: args, Stdout: stdout,
	})
}

// lockDebian names what dpkg knows to be installed. Checksums come from the
// archive's signed indexes, as apt verified them, or from known: an older package
// that the index names no more.
func (m *Manager) lockDebian(ctx context.Context, layers []string, known []LockedPackage) ([]LockedPackage, error) {
	var out bytes.Buffer
	err := m.inside(ctx, layers, &out, "dpkg-query", "-W",
		"-f=${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n")
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	installed, err := parseInstalled(out.String())
	if err != nil {
		return nil, err
	}
	sums := checksums{}
	sums.add(known)
	if missing := sums.missing(installed); len(missing) > 0 {
		out.Reset()
		if err := m.inside(ctx, layers, &out, append([]string{"apt-cache", "show", "--"}, missing...)...); err != nil {
			return nil, fmt.Errorf("look checksums up: %w", err)
		}
		sums.add(parseRecords(out.String()))
	}
	return sums.pin(installed)
}

// parseInstalled reads lines of status, name, version and architecture.
func parseInstalled(text string) ([]LockedPackage, error) {
	var list []LockedPackage
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("list packages: dpkg-query said %q", line)
		}
		if fields[0] == "installed" {
			list = append(list, LockedPackage{Name: fields[1], Version: fields[2], Architecture: fields[3]})
		}
	}
	sortPackages(list)
	return list, nil
}

func sortPackages(list []LockedPackage) {
	slices.SortFunc(list, func(a, b LockedPackage) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Architecture, b.Architecture), cmp.Compare(a.Version, b.Version))
	})
}

// parseRecords reads the paragraphs of an index. apt shows an installed package
// once more as dpkg knows it, without a checksum: those are left out.
func parseRecords(text string) []LockedPackage {
	var list []LockedPackage
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(paragraph) {
			if name, value, ok := strings.Cut(line, ": "); ok {
				fields[name] = strings.TrimSpace(value)
			}
		}
		p := LockedPackage{fields["Package"], fields["Version"], fields["Architecture"], fields["SHA256"]}
		if p.Name != "" && p.SHA256 != "" {
			list = append(list, p)
		}
	}
	return list
}

// checksums maps a package without its checksum to the checksum.
type checksums map[LockedPackage]string

func unpinned(p LockedPackage) LockedPackage {
	p.SHA256 = ""
	return p
}

func (c checksums) add(list []LockedPackage) {
	for _, p := range list {
		if p.SHA256 != "" {
			c[unpinned(p)] = p.SHA256
		}
	}
}

// missing lists, as apt names them, the packages that no checksum is known of.
func (c checksums) missing(installed []LockedPackage) []string {
	names := map[string]bool{}
	for _, p := range installed {
		switch {
		case c[p] != "":
		case p.Architecture == "all":
			names[p.Name+"="+p.Version] = true
		default:
			names[p.Name+":"+p.Architecture+"="+p.Version] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (c checksums) pin(installed []LockedPackage) ([]LockedPackage, error) {
	pinned := slices.Clone(installed)
	for i, p := range installed {
		if c[p] == "" {
			return nil, fmt.Errorf("the archive's index has no checksum of %s %s (%s); it may have just changed: try again", p.Name, p.Version, p.Architecture)
		}
		pinned[i].SHA256 = c[p]
	}
	return pinned, nil
}
