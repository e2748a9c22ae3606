package configcheck

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/image"
)

// shells are what runs a script that stands among its arguments.
var shells = []string{"sh", "bash", "dash", "ash", "zsh", "busybox", "python", "python3"}

func noShell(_ *tree, j job, found say) {
	for _, c := range j.containers() {
		if shell := scriptOf(commandLine(c)); shell != "" {
			found(fmt.Sprintf("container %s runs a script of %s", c.Name, shell), "make it a command of a program in images/")
		}
	}
}

// scriptOf is the shell that a command line hands a script to, by its flag c, which may
// stand behind others; env may stand before it.
func scriptOf(line []string) string {
	for len(line) > 0 && (path.Base(line[0]) == "env" || strings.HasPrefix(line[0], "-") || strings.Contains(line[0], "=")) {
		line = line[1:]
	}
	if len(line) == 0 || !slices.Contains(shells, path.Base(line[0])) {
		return ""
	}
	previous := ""
	for _, word := range line[1:] {
		flag := strings.HasPrefix(word, "-")
		switch {
		case flag && !strings.HasPrefix(word, "--") && strings.Contains(word, "c"):
			return path.Base(line[0])
		case !flag && !strings.HasSuffix(previous, "o") && !slices.Contains(shells, word): // -o pipefail, busybox sh
			return "" // a file of the repository
		}
		previous = word
	}
	return ""
}

// programThere looks for our own programs alone: what a distribution installs stands in
// no Dockerfile. What follows -- is run by the program before it.
func programThere(t *tree, j job, found say) {
	for _, c := range j.containers() {
		name, ours := t.settings.imageName(c.Image)
		line := commandLine(c)
		if !ours || len(line) == 0 || !isImage(t.checkout, name) {
			continue
		}
		starts := []string{path.Base(line[0])}
		if at := slices.Index(line, "--"); at >= 0 && at+1 < len(line) {
			starts = append(starts, path.Base(line[at+1]))
		}
		for _, program := range starts {
			if t.has("images/"+program+"/main.go") && !t.holds(name, program) {
				found(fmt.Sprintf("container %s starts %s, which image %s does not hold", c.Name, program, name), "name an image whose Dockerfile copies it")
			}
		}
	}
}

// holds says whether an image's Dockerfile, or that of an image which it stands on,
// copies the program.
func (t *tree) holds(name, program string) bool {
	files, _ := filepath.Glob(t.path("images/" + name + "/Dockerfile*"))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for text := range strings.Lines(string(data)) {
			words := strings.Fields(text)
			if len(words) < 2 {
				continue
			}
			if words[0] == "COPY" && slices.ContainsFunc(words[1:], func(w string) bool { return path.Base(w) == program }) {
				return true
			}
			if parent, ok := strings.CutPrefix(words[1], image.Canonical+"/"); ok && words[0] == "FROM" && parent != name && t.holds(parent, program) {
				return true
			}
		}
	}
	return false
}
