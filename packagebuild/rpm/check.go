package rpm

import (
	"fmt"
	"slices"

	"slipway.dev/slipway/packagebuild"
)

// check finds what would fail late, or with a message that helps nobody.
func (s *spec) check(req packagebuild.Request) error {
	if s.version != "" && s.version != req.Version {
		return fmt.Errorf("%s:%d: Version is %s, but the build is of %s; write Version: %%{_version}",
			s.path, s.versionLine, s.version, req.Version)
	}
	if err := s.checkArch(req.Target); err != nil {
		return err
	}
	for _, src := range s.sources {
		if src.certain && !src.present && !slices.Contains(s.tarballs(req), src.name) {
			return fmt.Errorf("%s:%d: %s %s is neither in packaging/ nor made by the build; add it, or name what is made: %s",
				s.path, src.line, src.tag, src.name, originalTarball(s.name, req.Version))
		}
	}
	return nil
}

func (s *spec) checkArch(t packagebuild.Target) error {
	want := arches[t.Arch].rpm
	if len(s.arches) == 0 || slices.Contains(s.arches, want) || slices.Contains(s.arches, "noarch") {
		return nil
	}
	return fmt.Errorf("%s:%d: BuildArch %v leaves out %s of target %s; write BuildArch: %%{_arch}, or remove the line",
		s.path, s.archLine, s.arches, want, t.Name)
}

// tarballs are the file names that Stage makes for the spec.
func (s *spec) tarballs(req packagebuild.Request) []string {
	names := []string{originalTarball(s.name, req.Version)}
	if extra := req.Source.Extra; extra != nil {
		names = append(names, extraTarball(*extra, req.Version))
	}
	return names
}

func originalTarball(name, version string) string { return name + "_" + version + ".orig.tar.gz" }

func extraTarball(extra packagebuild.Source, version string) string {
	return extra.Name() + "_extra-" + version + ".orig.tar.gz"
}
