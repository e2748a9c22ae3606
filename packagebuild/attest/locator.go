package attest

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"slipway.dev/slipway/packagebuild"
)

// scpLike is git's short form of an ssh URL: git@github.com:org/repo.git.
var scpLike = regexp.MustCompile(`^(?:[\w.-]+@)?([\w.-]+):([^/].*)$`)

// repositoryURL is where source was cloned from, as a URL without passwords;
// empty for a plain folder.
func repositoryURL(source packagebuild.Source) string {
	repository := source.Repository
	switch {
	case repository == "":
		return ""
	case filepath.IsAbs(repository):
		return (&url.URL{Scheme: "file", Path: repository}).String()
	}
	if !strings.Contains(repository, "://") {
		if match := scpLike.FindStringSubmatch(repository); match != nil {
			return "ssh://" + match[1] + "/" + match[2]
		}
		return ""
	}
	parsed, err := url.Parse(repository)
	if err != nil || parsed.Scheme == "" {
		return ""
	}
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	return parsed.String()
}

// sourceURI names source as in-toto and SPDX do: git+https://host/repo@commit.
func sourceURI(source packagebuild.Source) string {
	repository := repositoryURL(source)
	if repository == "" || source.Commit == "" {
		return ""
	}
	if !strings.HasPrefix(repository, "git") {
		repository = "git+" + repository
	}
	return repository + "@" + source.Commit
}

// packageURL is a package's purl (github.com/package-url/purl-spec).
func packageURL(pkg packagebuild.Package, target packagebuild.Target) string {
	qualifiers := url.Values{"arch": {pkg.Arch}}
	switch pkg.Format {
	case "deb":
		qualifiers.Set("distro", debianRelease(target))
		return purl("deb/debian", pkg.Name, pkg.Version, qualifiers)
	case "rpm":
		version := pkg.Version
		if epoch, rest, ok := strings.Cut(version, ":"); ok {
			version = rest
			qualifiers.Set("epoch", epoch)
		}
		qualifiers.Set("distro", strings.TrimPrefix(target.Suffix, "."))
		return purl("rpm", pkg.Name, version, qualifiers)
	}
	return purl("generic", pkg.Name, pkg.Version, qualifiers)
}

// dependencyURL is the purl of a package in a target's root.
func dependencyURL(d Dependency, target packagebuild.Target) string {
	pkg := packagebuild.Package{Format: "deb", Name: d.Name, Version: d.Version, Arch: d.Architecture}
	if target.Root.Image != "" && target.Format == "rpm" {
		pkg.Format = "rpm"
	}
	return packageURL(pkg, target)
}

func debianRelease(target packagebuild.Target) string {
	if target.Root.Suite != "" {
		return target.Root.Suite
	}
	return "debian-" + target.TargetVersion
}

// purl puts the parts together; qualifiers without a value are left out.
func purl(kind, name, version string, qualifiers url.Values) string {
	for key, values := range qualifiers {
		if values[0] == "" {
			delete(qualifiers, key)
		}
	}
	out := "pkg:" + kind + "/" + escape(name)
	if version != "" {
		out += "@" + escape(version)
	}
	if len(qualifiers) > 0 {
		out += "?" + qualifiers.Encode() // sorted by key, as purls are
	}
	return out
}

// escape encodes all but letters, digits and .-_~: as purls want it.
func escape(s string) string {
	return strings.NewReplacer("%3A", ":", "+", "%20").Replace(url.QueryEscape(s))
}

// modulePURL is the purl of a Go module.
func modulePURL(path, version string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	for i, part := range parts {
		parts[i] = escape(part)
	}
	return "pkg:golang/" + strings.Join(parts, "/") + "@" + escape(version)
}
