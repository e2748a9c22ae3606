package gotest

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/junit"
)

// suites are the cases of all packages. failed is how go test ended: if it failed
// and no case did, then that is a case.
func (r *results) suites(failed error) []junit.Suite {
	r.mu.Lock()
	defer r.mu.Unlock()
	var suites []junit.Suite
	broken := 0
	for _, name := range slices.Sorted(maps.Keys(r.packages)) {
		suite := r.suite(r.packages[name], failed)
		suites = append(suites, suite)
		broken += suite.Failed()
	}
	if failed != nil && broken == 0 {
		text := failed.Error() + "\n" + r.stray.String()
		suites = append(suites, junit.Suite{Name: r.module.Name(), Cases: []junit.Case{{
			Name: "go test", Class: r.module.Name(), Failure: r.message(r.module.Folder, text),
		}}})
	}
	return suites
}

func (r *results) suite(p *tested, failed error) junit.Suite {
	suite := junit.Suite{Name: p.path}
	for _, t := range p.tests {
		suite.Cases = append(suite.Cases, r.testCase(p, t))
	}
	switch {
	case p.action == "" && failed != nil:
		suite.Cases = append(suite.Cases, r.packageCase(p, "the package did not finish: "+firstLine(failed.Error())+"\n"))
	case p.action == "fail" && suite.Failed() == 0:
		suite.Cases = append(suite.Cases, r.packageCase(p, ""))
	case len(p.tests) == 0:
		suite.Cases = append(suite.Cases, junit.Case{Name: "package", Class: p.path, Skipped: &junit.Message{Line: "no tests ran"}})
	}
	return suite
}

// packageCase is a failure of a package that is no test's: it does not compile, or
// its TestMain failed.
func (r *results) packageCase(p *tested, why string) junit.Case {
	text := why + p.output.String()
	if build := r.builds[p.build]; build != nil {
		text = why
		for _, f := range r.module.Parse(build.String()) {
			text += f.String() + "\n"
		}
		return junit.Case{Name: "package", Class: p.path, Failure: r.worded(text)}
	}
	return junit.Case{Name: "package", Class: p.path, Time: p.elapsed, Failure: r.message(r.folders[p.path], text)}
}

func (r *results) testCase(p *tested, t *test) junit.Case {
	c := junit.Case{Name: t.name, Class: p.path, Time: t.elapsed}
	folder := r.folders[p.path]
	switch t.action {
	case "pass":
	case "skip":
		c.Skipped = r.message(folder, t.output.String())
	case "fail":
		c.Failure = r.message(folder, t.output.String())
	default:
		c.Failure = r.message(folder, "the test began and never ended\n"+t.output.String())
	}
	return c
}

// message words a test's output: places become files of the checkout.
func (r *results) message(folder, text string) *junit.Message {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lines[i] = r.placed(folder, line)
	}
	return r.worded(strings.Join(lines, ""))
}

// worded makes a message whose summary is the first line that tells something. When
// thousands of tests fail at length, the later ones are cut to a summary's size.
func (r *results) worded(text string) *junit.Message {
	summary := firstLine(strings.TrimSpace(text))
	if match := telling.FindString(text); match != "" {
		summary = strings.TrimSpace(match)
	}
	if r.said += len(text); r.said > maxSaid {
		text = checks.Clip(text, 2<<10)
	}
	return &junit.Message{Line: checks.Clip(summary, 300), Text: text}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// placed names the file of a line of a test's output as seen from the checkout:
// t.Error says a_test.go:12, the compiler what lies below the module's folder, and
// a stack a whole path.
func (r *results) placed(folder, line string) string {
	match := place.FindStringSubmatchIndex(line)
	if match == nil {
		return line
	}
	file := line[match[2]:match[3]]
	if strings.Contains(file, "/") {
		file = checks.Relative(r.module.Root, r.module.Dir(), file)
	} else {
		file = path.Join(folder, file)
	}
	return line[:match[2]] + file + line[match[3]:]
}

// maxSaid bounds all messages of a report together, roughly.
const maxSaid = 32 << 20

var (
	// place is a line that begins with a file and a line number.
	place = regexp.MustCompile(`^\s*([^\s:]+\.go):\d+`)

	// telling is a line that says best why a test failed.
	telling = regexp.MustCompile(`(?m)^(\s*[^\s:]+\.go:\d+:|panic: |fatal error: |WARNING: DATA RACE).*$`)
)
