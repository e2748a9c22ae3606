// Hello-os greets, as the operating system that it is, updates it, and goes back.
//
// The disk has two roots. An update writes the one that does not run, and lets the next
// boot take it; going back lets the next boot take the other one again.
package main

import (
	"fmt"
	"os"
	"strings"
)

const usage = `usage: hello-os [COMMAND]

  (none)        greet
  version       print the version
  update DISK   write the system of another disk into the root that does not run; the next boot takes it
  rollback      let the next boot take the root that does not run
  --test        the unit tests`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hello-os:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	name, err := osRelease("/usr/lib/os-release", "NAME")
	if err != nil {
		return err
	}
	switch {
	case len(args) == 0:
		fmt.Println("hello from", name)
	case args[0] == "--test" && len(args) == 1:
		if name != "Hello OS" {
			return fmt.Errorf("the name is %q", name)
		}
	case args[0] == "version" && len(args) == 1:
		version, err := osRelease("/usr/lib/os-release", "VERSION_ID")
		if err == nil {
			fmt.Println(version)
		}
		return err
	case args[0] == "update" && len(args) == 2:
		return update(args[1])
	case args[0] == "rollback" && len(args) == 1:
		return rollback()
	default:
		return fmt.Errorf("%q is no command\n%s", strings.Join(args, " "), usage)
	}
	return nil
}

// osRelease is a value of an os-release file.
func osRelease(path, name string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+"="); ok {
			return strings.Trim(value, `"`), nil
		}
	}
	return "", fmt.Errorf("%s has no %s", path, name)
}
