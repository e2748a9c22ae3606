package root

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
)

// installation is how needs are put into a root: data, decided by looking at the root.
type installation struct {
	relations []string   // Debian relations, sorted; they go into a control file
	packages  []string   // names, sorted
	cross     string     // Debian architecture
	refresh   [][]string // commands that read the indexes anew
	install   [][]string // commands that install
}

// listsMaxAge is how long indexes still name what is in the archive, mostly.
const listsMaxAge = time.Hour

// Where an installation finds the control file, inside.
const needsFolder = "/run/slipway-needs"

// plan says how to install the needs in the root; nil is nothing to install.
func plan(root *Root, needs Needs) *installation {
	manager := packageManager(root.Layers)
	if manager == "apt-get" {
		return planDebian(needs)
	}
	if len(needs.Native) == 0 {
		return nil
	}
	names := sorted(needs.Native)
	return &installation{packages: names, install: [][]string{
		append([]string{manager, "-y", "--setopt=install_weak_deps=0", "install"}, names...),
	}}
}

// packageManager names the first that the root has, or the one that it should have.
func packageManager(layers []string) string {
	for _, name := range []string{"apt-get", "dnf", "microdnf", "yum"} {
		if inLayers(layers, "usr/bin/"+name) {
			return name
		}
	}
	return "dnf"
}

func inLayers(layers []string, path string) bool {
	return slices.ContainsFunc(layers, func(dir string) bool {
		_, err := os.Lstat(filepath.Join(dir, path))
		return err == nil
	})
}

func planDebian(needs Needs) *installation {
	relations := splitRelations(needs.Dependencies)
	if needs.Cross != "" {
		relations = append(relations, "crossbuild-essential-"+needs.Cross+":native")
	}
	if len(relations) == 0 {
		return nil
	}
	slices.Sort(relations)
	in := &installation{relations: slices.Compact(relations), cross: needs.Cross}
	if needs.Cross != "" {
		in.refresh = append(in.refresh, []string{"dpkg", "--add-architecture", needs.Cross})
	}
	in.refresh = append(in.refresh, []string{"apt-get", "-q", "update"})
	in.install = [][]string{buildDep(needs.Cross)}
	return in
}

func buildDep(cross string) []string {
	args := []string{"apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0"}
	if cross != "" {
		args = append(args, "--host-architecture", cross, "--build-profiles", "cross,nocheck")
	}
	return append(args, "build-dep", needsFolder)
}

// splitRelations takes fields like Build-Depends apart at their commas.
func splitRelations(fields []string) []string {
	var list []string
	for _, field := range fields {
		for relation := range strings.SplitSeq(field, ",") {
			if words := strings.Fields(relation); len(words) > 0 {
				list = append(list, strings.Join(words, " "))
			}
		}
	}
	return list
}

// control is a source package that needs the relations, for apt to read.
func control(relations []string) string {
	return "Source: slipway-needs\nMaintainer: nobody <nobody@localhost>\n" +
		"Build-Depends: " + strings.Join(relations, ", ") + "\n\n" +
		"Package: slipway-needs\nArchitecture: any\nDescription: needs of a build\n"
}

// dependencies makes the layer with the needs installed on base.
func (m *Manager) dependencies(ctx context.Context, t packagebuild.Target, base layer, in installation) (layer, error) {
	key := slices.Concat([]string{format, base.id(), in.cross}, in.relations, in.packages)
	from := t.Root.Suite
	if from == "" {
		from = t.Root.Image
	}
	return m.layer(ctx, recipe{
		name:  "needs-" + short(key...),
		title: fmt.Sprintf("build dependencies of %s in %s", t.Name, from),
		make: func(ctx context.Context, tree string, log io.Writer) ([]LockedPackage, error) {
			if err := m.install(ctx, base, in, tree, log); err != nil {
				return nil, err
			}
			packages, err := m.lock(ctx, t.Root, []string{tree, base.tree()}, base.packages)
			return packages, errors.Join(err, dropIndexCaches(tree))
		},
	})
}

// dropIndexCaches removes what apt computed from its indexes: 50 MB, and computed
// again in half a second.
func dropIndexCaches(tree string) error {
	paths, err := filepath.Glob(filepath.Join(tree, "var/cache/apt/*.bin"))
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// install runs the installation over base, with tree for its changes.
func (m *Manager) install(ctx context.Context, base layer, in installation, tree string, log io.Writer) error {
	needs, archives, err := m.installFolders(tree, in)
	if err != nil {
		return err
	}
	defer os.RemoveAll(needs)
	defer os.RemoveAll(archives)
	commands := in.install
	if in.cross != "" || time.Since(listsTime(base)) > listsMaxAge {
		commands = slices.Concat(in.refresh, in.install)
	}
	for _, args := range commands {
		var said bytes.Buffer
		err := sandbox.Run(ctx, sandbox.Config{
			Lower: []string{base.tree()}, Upper: tree, Work: m.folder(scratchFolder),
			Binds: []sandbox.Bind{
				{Source: needs, Target: needsFolder, ReadOnly: true},
				{Source: archives, Target: "/var/cache/apt/archives"},
			},
			Network: true, Profile: sandbox.Install, Env: toolEnv(), Args: args,
			Stdout: io.MultiWriter(log, &said), Stderr: io.MultiWriter(log, &said),
		})
		if exec.ExitCode(err) > 0 {
			return errors.New(complaint(said.String()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// listsTime is when the root's indexes were fetched.
func listsTime(base layer) time.Time {
	info, err := os.Stat(filepath.Join(base.tree(), "var/lib/apt/lists"))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// installFolders makes, beside tree, the folder that holds the control file and
// the one where downloads go, for neither belongs into the layer.
func (m *Manager) installFolders(tree string, in installation) (needs, archives string, err error) {
	aside := filepath.Dir(tree)
	needs, archives = filepath.Join(aside, "needs"), filepath.Join(aside, "archives")
	for _, dir := range []string{filepath.Join(needs, "debian"), filepath.Join(archives, "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", "", err
		}
	}
	path := filepath.Join(needs, "debian", "control")
	return needs, archives, os.WriteFile(path, []byte(control(in.relations)), 0o644)
}

// complaint is what a package manager said was wrong, without the rest of what it
// said: its errors, and the dependencies that cannot be met.
func complaint(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "E: Unable to correct problems"), strings.HasPrefix(line, "E: Some packages could not be"):
		case strings.HasPrefix(line, "E: "), strings.HasPrefix(line, "Error: "), strings.HasPrefix(line, "dpkg: error"),
			strings.HasPrefix(line, "No match for argument"),
			strings.HasPrefix(line, "builddeps:"), strings.Contains(line, " but it is not "):
			lines = append(lines, strings.TrimPrefix(line, "builddeps:"+needsFolder+" : "))
		}
	}
	if len(lines) == 0 {
		t := &tail{}
		_, _ = io.WriteString(t, said)
		return t.String()
	}
	const enough = 8
	if len(lines) > enough {
		lines = append(lines[:enough], fmt.Sprintf("and %d lines more", len(lines)-enough))
	}
	return strings.Join(lines, "; ")
}
