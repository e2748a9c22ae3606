package rpm

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// maxSpec bounds what is read of one spec, in bytes. Real ones have a tenth of it.
const maxSpec = 1 << 20

// ofRelease is a spec for one release alone: name.el9.spec.
var ofRelease = regexp.MustCompile(`^(.+)(\.el[0-9]+)$`)

// choice is what is built for a target.
type choice struct {
	specs []*spec
	notes []string
}

// chooseSpecs picks from the files of packaging/ (sorted) those to build for a
// target with this suffix: name.el9.spec instead of name.spec for .el9.
func chooseSpecs(files []string, suffix string) (chosen, notes []string) {
	has := map[string]bool{}
	for _, file := range files {
		has[file] = true
	}
	for _, file := range files {
		base, isSpec := strings.CutSuffix(file, ".spec")
		if !isSpec {
			continue
		}
		m := ofRelease.FindStringSubmatch(base)
		switch {
		case m == nil && !has[base+suffix+".spec"]:
			chosen = append(chosen, file)
		case m == nil: // its own release's spec comes by itself
		case m[2] == suffix:
			chosen = append(chosen, file)
		case !has[m[1]+".spec"] && !has[m[1]+suffix+".spec"]:
			notes = append(notes, fmt.Sprintf("packaging/%s is for %s and there is no %s.spec: not built for %s",
				file, m[2][1:], m[1], strings.TrimPrefix(suffix, ".")))
		}
	}
	return chosen, notes
}

// readSpecs reads the specs of the request's target.
func readSpecs(req packagebuild.Request) (choice, error) {
	folder, done, err := packaging(req.Source)
	if err != nil {
		return choice{}, err
	}
	defer func() { _ = done() }()
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return choice{}, packagebuild.NoPackaging(req.Source, "packaging/*.spec")
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	names, notes := chooseSpecs(files, req.Target.Suffix)
	if len(names) == 0 {
		want := "packaging/*.spec for " + req.Target.Name
		if len(notes) > 0 {
			want += " (" + strings.Join(notes, ", ") + ")"
		}
		return choice{}, packagebuild.NoPackaging(req.Source, want)
	}
	got := choice{notes: notes}
	for _, name := range names {
		s, err := readSpec(folder, name, req)
		if err != nil {
			return choice{}, err
		}
		got.specs = append(got.specs, s)
	}
	return got, nil
}

func readSpec(folder fs.FS, name string, req packagebuild.Request) (*spec, error) {
	shown := path.Join("packaging", name)
	data, err := readRegular(folder, name, maxSpec)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", shown, err)
	}
	s, err := parseSpec(shown, data, literals(req))
	if err != nil {
		return nil, err
	}
	for i, src := range s.sources {
		s.sources[i].present = isRegular(folder, src.name)
	}
	return s, nil
}

// readRegular reads a file of at most limit bytes. A pipe or a device would hang the reader.
func readRegular(folder fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is no regular file but %v", info.Mode().Type())
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", info.Size(), limit)
	}
	return fs.ReadFile(folder, name)
}

func isRegular(folder fs.FS, name string) bool {
	info, err := fs.Stat(folder, name)
	return err == nil && info.Mode().IsRegular()
}
