// Package gotools puts Go toolchains and programs written in Go into an image's
// build context.
//
// A file go.tools in the image's folder says which, by exact version, and Go's
// checksum database says with which bytes; the compiler is pinned as well, and
// nothing of the machine's own settings reaches it. So two machines, or one machine
// twice, put the same bytes in, and the file alone stands for them in a content hash.
package gotools

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// File is the name of the file in an image's folder.
const File = "go.tools"

// Tools is what a go.tools asks for.
//
//	# what the image gets in go/, the folder that it copies to /usr/local/go
//	toolchain go1.26.8
//
//	# or: what compiles its programs, if it has no toolchain of its own
//	compiler go1.26.8
//
//	# what it gets in bin/
//	program honnef.co/go/tools/cmd/staticcheck@v0.8.2
type Tools struct {
	Toolchain Line   // unpacked into go/, and compiles the programs; empty is none
	Compiler  Line   // compiles the programs where there is no Toolchain
	Programs  []Line // PACKAGE@VERSION
}

// Line is one word of a go.tools, and where it stands.
type Line struct {
	Value string
	Place string // file:line, for errors
}

var goVersion = regexp.MustCompile(`^go1\.\d+(\.\d+|rc\d+)$`)

// Parse reads a go.tools strictly. name is what errors call it.
func Parse(name string, r io.Reader) (Tools, error) {
	var tools Tools
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		text, _, _ := strings.Cut(scanner.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		place := fmt.Sprintf("%s:%d", name, n)
		if len(fields) != 2 {
			return Tools{}, fmt.Errorf("%s: %q is not of the form KEYWORD VALUE", place, strings.TrimSpace(text))
		}
		if err := tools.add(fields[0], Line{Value: fields[1], Place: place}); err != nil {
			return Tools{}, fmt.Errorf("%s: %w", place, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return Tools{}, fmt.Errorf("read %s: %w", name, err)
	}
	return tools, tools.check(name)
}

func (t *Tools) add(keyword string, line Line) error {
	switch keyword {
	case "toolchain":
		return once(&t.Toolchain, line)
	case "compiler":
		return once(&t.Compiler, line)
	case "program":
		return t.addProgram(line)
	}
	return fmt.Errorf("%q is unknown; a line begins with toolchain, compiler or program", keyword)
}

// once sets where there is nothing yet.
func once(to *Line, line Line) error {
	if to.Value != "" {
		return fmt.Errorf("there is one at %s already", to.Place)
	}
	if !goVersion.MatchString(line.Value) {
		return fmt.Errorf("%q is no release of Go; write one, such as go1.26.8", line.Value)
	}
	*to = line
	return nil
}

func (t *Tools) addProgram(line Line) error {
	pkg, version, ok := strings.Cut(line.Value, "@")
	if !ok || semver.Canonical(version) != strings.TrimSuffix(version, "+incompatible") {
		return fmt.Errorf("%q names no exact version; write PACKAGE@vX.Y.Z", line.Value)
	}
	if err := module.CheckImportPath(pkg); err != nil {
		return err
	}
	for _, other := range t.Programs {
		if name(other.Value) == name(line.Value) {
			return fmt.Errorf("%s at %s has the same name", other.Value, other.Place)
		}
	}
	t.Programs = append(t.Programs, line)
	return nil
}

// check checks what no single line can tell.
func (t *Tools) check(name string) error {
	switch {
	case t.Toolchain.Value != "" && t.Compiler.Value != "":
		return fmt.Errorf("%s: toolchain at %s compiles the programs; drop this line", t.Compiler.Place, t.Toolchain.Place)
	case t.Compiler.Value != "" && len(t.Programs) == 0:
		return fmt.Errorf("%s: there is no program to compile", t.Compiler.Place)
	case len(t.Programs) > 0 && t.compiler() == "":
		return fmt.Errorf("%s: nothing says which Go compiles it; add a line such as: compiler go1.26.8", t.Programs[0].Place)
	case t.compiler() == "":
		return fmt.Errorf("%s asks for nothing", name)
	}
	return nil
}

// compiler is the Go that programs are compiled with.
func (t *Tools) compiler() string {
	if t.Toolchain.Value != "" {
		return t.Toolchain.Value
	}
	return t.Compiler.Value
}
