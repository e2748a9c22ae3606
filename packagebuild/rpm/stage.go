package rpm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/packagebuild"
)

// maxSource bounds one file that is copied from packaging/, in bytes.
const maxSource = 1 << 30

// Stage lays out rpmbuild's folders below dir: specs stamped with the commit,
// the source tarballs, what packaging/ adds to them, and the macros.
func (f Format) Stage(req packagebuild.Request, plan packagebuild.Plan, dir string) error {
	chosen, err := readSpecs(req)
	if err != nil {
		return err
	}
	st := stager{req: req, top: filepath.Join(dir, "rpmbuild")}
	if err := st.folders(); err != nil {
		return err
	}
	if err := st.write(filepath.Join(dir, macrosFile), []byte(f.macros(req, plan))); err != nil {
		return err
	}
	if err := st.write(filepath.Join(dir, settingsFile), []byte(settings(req.Target))); err != nil {
		return err
	}
	if err := st.pkgConfig(filepath.Join(dir, pkgConfigFolder)); err != nil {
		return err
	}
	for _, s := range chosen.specs {
		if err := st.spec(s); err != nil {
			return err
		}
	}
	if err := st.extra(); err != nil {
		return err
	}
	return st.added(chosen.specs)
}

type stager struct {
	req packagebuild.Request
	top string
}

func (st stager) folders() error {
	for _, name := range []string{"BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS"} {
		if err := os.MkdirAll(filepath.Join(st.top, name), 0o755); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
	}
	return nil
}

// pkgConfig stages what an EL root would answer to pkg-config.
func (st stager) pkgConfig(dir string) error {
	if !inDebian(st.req.Target) {
		return nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	files, err := pkgConfigFiles.ReadDir(pkgConfigFolder)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := pkgConfigFiles.ReadFile(path.Join(pkgConfigFolder, file.Name()))
		if err != nil {
			return err
		}
		if err := st.write(filepath.Join(dir, file.Name()), text); err != nil {
			return err
		}
	}
	return nil
}

// spec stages one spec and its tarball, unless another of the same name made it.
func (st stager) spec(s *spec) error {
	text := s.stamped(st.req.Source.CommitURL)
	if err := st.write(filepath.Join(st.top, "SPECS", s.base()+".spec"), []byte(text)); err != nil {
		return err
	}
	version := st.req.Version
	err := st.tarball(originalTarball(s.name, version), st.req.Source.Tree(), s.name+"-"+version, packagebuild.SkipPackaging)
	if errors.Is(err, fs.ErrExist) {
		return nil // equal sources
	}
	return err
}

// extra stages the extra source repository, whole, packaging/ and all.
func (st stager) extra() error {
	extra := st.req.Source.Extra
	if extra == nil {
		return nil
	}
	version := st.req.Version
	return st.tarball(extraTarball(*extra, version), extra.Tree(), extra.Name()+"-extra-"+version, packagebuild.SkipVCS)
}

// added copies what packaging/ adds to the sources: tarballs and patches, and
// whatever else a spec names.
func (st stager) added(specs []*spec) error {
	folder, done, err := packaging(st.req.Source)
	if err != nil {
		return err
	}
	defer func() { _ = done() }()
	names, err := addedSources(folder, specs)
	if err != nil {
		return fmt.Errorf("stage sources of %s: %w", st.req.Source.Tree(), err)
	}
	for name := range names {
		to := filepath.Join(st.top, "SOURCES", name)
		if _, err := os.Lstat(to); err == nil {
			return fmt.Errorf("packaging/%s has the name of a tarball that the build makes; rename or remove it", name)
		}
		data, err := readRegular(folder, name, maxSource)
		if err != nil {
			return fmt.Errorf("stage packaging/%s: %w", name, err)
		}
		if err := st.write(to, data); err != nil {
			return err
		}
	}
	return nil
}

func addedSources(folder fs.FS, specs []*spec) (map[string]bool, error) {
	names := map[string]bool{}
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasSuffix(name, ".tar.gz") || strings.HasSuffix(name, ".patch") {
			names[name] = true
		}
	}
	for _, s := range specs {
		for _, src := range s.sources {
			if src.present {
				names[src.name] = true
			}
		}
	}
	return names, nil
}

func (st stager) tarball(name, src, prefix string, skip func(string) bool) (err error) {
	path := filepath.Join(st.top, "SOURCES", name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	err = packagebuild.WriteTarball(file, src, prefix, st.req.Source.Time, skip)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	return st.stamp(path)
}

// write writes one input; a file that is there already is an error.
func (st stager) write(path string, data []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return st.stamp(path)
}

// stamp gives a file the commit's time and a mode that no umask decides: a
// source package records both.
func (st stager) stamp(path string) error {
	when := st.req.Source.Time.Truncate(time.Second)
	if err := errors.Join(os.Chmod(path, 0o644), os.Chtimes(path, when, when)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// stamped is the spec's text with Vcs: url after its Version, and no other Vcs.
// Sub packages inherit it.
func (s *spec) stamped(url string) string {
	if url == "" {
		return strings.Join(s.lines, "\n")
	}
	drop, after := map[int]bool{}, map[int]bool{}
	for _, at := range s.vcs {
		for line := at.first; line <= at.last; line++ {
			drop[line] = true
		}
	}
	for _, at := range s.versions {
		after[at.last] = true
	}
	var out []string
	for i, line := range s.lines {
		if !drop[i+1] {
			out = append(out, line)
		}
		if after[i+1] {
			out = append(out, "Vcs: "+strings.ReplaceAll(url, "%", "%%"))
		}
	}
	return strings.Join(out, "\n")
}
