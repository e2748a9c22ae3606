package lint

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"slipway.dev/slipway/packagebuild/goo"
)

// gooRelease is the end of a version that googet can tell a rebuild by.
var gooRelease = regexp.MustCompile(`@\d+$`)

// maxPkgSpec bounds what is read of a specification, in bytes.
const maxPkgSpec = 1 << 20

// checkGoo looks at what googet itself does not look at before it installs.
func checkGoo(file string) (Report, error) {
	report := Report{Package: filepath.Base(file), Linter: "slipway", Findings: []Finding{}}
	in, err := os.Open(file)
	if err != nil {
		return Report{}, fmt.Errorf("lint: %w", err)
	}
	defer in.Close()
	spec, names, err := readGoo(in)
	if err != nil {
		report.Findings = append(report.Findings, unread(err.Error()))
		return report, nil
	}
	report.Findings = append(report.Findings, gooFindings(spec, names)...)
	return report, nil
}

func gooFindings(spec goo.PkgSpec, names map[string]bool) []Finding {
	var found []Finding
	for _, script := range []struct{ what, path string }{
		{"install", spec.Install.Path}, {"uninstall", spec.Uninstall.Path}, {"verify", spec.Verify.Path},
	} {
		if script.path != "" && !names[archiveName(script.path)] {
			found = append(found, Finding{Severity: Error, Tag: script.what + "-script-missing",
				Details: "not in the package; add it to the goospec's sources", File: script.path})
		}
	}
	if !gooRelease.MatchString(spec.Version) {
		found = append(found, Finding{Severity: Error, Tag: "version-without-release",
			Details: spec.Version + " does not end in @N, such as @1"})
	}
	if strings.TrimSpace(spec.Description) == "" {
		found = append(found, Finding{Severity: Warning, Tag: "no-description"})
	}
	if strings.TrimSpace(spec.License) == "" {
		found = append(found, Finding{Severity: Warning, Tag: "no-license"})
	}
	return found
}

// archiveName is how a path of the specification is called in the archive.
func archiveName(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// readGoo returns a package's specification and the names of its files.
func readGoo(r io.Reader) (spec goo.PkgSpec, names map[string]bool, err error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return spec, nil, err
	}
	names = map[string]bool{}
	found := false
	archive := tar.NewReader(unzipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return spec, nil, err
		}
		names[archiveName(header.Name)] = true
		if path.Ext(header.Name) == ".pkgspec" {
			found = true
			err = json.NewDecoder(io.LimitReader(archive, maxPkgSpec)).Decode(&spec)
		}
		if err != nil {
			return spec, nil, fmt.Errorf("%s: %w", header.Name, err)
		}
	}
	if !found {
		return spec, nil, errors.New("it holds no .pkgspec")
	}
	return spec, names, nil
}
