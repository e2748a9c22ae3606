package goo

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// validate refuses patterns and folders that lead out of the tree.
func (s Sources) validate() error {
	for _, pattern := range slices.Concat(s.Include, s.Exclude, []string{s.Root, s.Target}) {
		if slices.Contains(strings.Split(pattern, "/"), "..") {
			return fmt.Errorf("%q leads out with ..; name files inside the tree", pattern)
		}
	}
	for _, folder := range []string{s.Root, s.Target} {
		if isAbs(folder) {
			return fmt.Errorf("%q is an absolute path; name a folder inside the tree", folder)
		}
	}
	for _, pattern := range slices.Concat(s.Include, s.Exclude) {
		if _, err := compile(pattern); err != nil {
			return err
		}
	}
	return nil
}

// archiveName is where a file of the tree goes in the package.
func (s Sources) archiveName(file string) string {
	folder := path.Dir(file)
	if path.Clean(s.Root) != "." {
		folder = strings.TrimPrefix(folder, s.Root)
	}
	return path.Join(s.Target, strings.TrimPrefix(folder, "/"), path.Base(file))
}

// resolve turns patterns below the root into patterns below the tree.
func (s Sources) resolve(patterns []string) []string {
	resolved := make([]string, len(patterns))
	for i, pattern := range patterns {
		resolved[i] = path.Join(".", s.Root, pattern)
	}
	return resolved
}

// isPattern says whether text names files by * and not one file.
func isPattern(text string) bool { return strings.Contains(text, "*") }

// fixedFolder is the folder below which all matches of a pattern lie.
func fixedFolder(pattern string) string {
	fixed, _, _ := strings.Cut(pattern, "*")
	return path.Dir(fixed + "x")
}

// compile turns a pattern into a regular expression: ** is any text, * any text
// without a slash, and everything else is itself.
func compile(pattern string) (*regexp.Regexp, error) {
	if strings.Contains(pattern, "***") {
		return nil, fmt.Errorf("pattern %q has three stars in a row; write * or **", pattern)
	}
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `.*`)
	quoted = strings.ReplaceAll(quoted, `\*`, `[^/]*`)
	re, err := regexp.Compile(`(?s)\A` + quoted + `\z`)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return re, nil
}

// patterns matches a path against each of several.
type patterns []*regexp.Regexp

func compileAll(texts []string) (patterns, error) {
	var all patterns
	for _, text := range texts {
		re, err := compile(text)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	return all, nil
}

func (ps patterns) match(name string) bool {
	return slices.ContainsFunc(ps, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}
