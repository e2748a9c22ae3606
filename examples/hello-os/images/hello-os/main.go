// Hello-os greets, as the operating system that it is.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	name, err := name("/usr/lib/os-release")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(os.Args) > 1 && os.Args[1] == "--test" && name != "Hello OS" {
		fmt.Fprintf(os.Stderr, "the name is %q\n", name)
		os.Exit(1)
	}
	fmt.Println("hello from", name)
}

// name is the system's, by its os-release.
func name(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "NAME="); ok {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", fmt.Errorf("%s has no NAME", path)
}
