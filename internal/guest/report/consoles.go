package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/guest/console"
)

// consoleLogs is the form of the names that logs of consoles have.
const consoleLogs = "console*.log"

// Consoles looks for failures in the logs of consoles among a run's files, with the lines
// around them. Those without a failure are left out. What the patterns named by ignore
// find is told as ignored.
func Consoles(folder string, run *guest.Run, ignore []string) (found []Console, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for _, name := range run.Files {
		if is, err := path.Match(consoleLogs, path.Base(name)); err != nil || !is {
			continue
		}
		findings, err := scan(root, name, ignore)
		if err != nil {
			return nil, fmt.Errorf("read the console's log: %w", err)
		}
		if len(findings) > 0 {
			found = append(found, Console{name, findings})
		}
	}
	return found, nil
}

func scan(root *os.Root, name string, ignore []string) (_ []console.Finding, err error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := console.New(console.Options{Ignore: ignore})
	if _, err := io.Copy(w, f); err != nil {
		return nil, err
	}
	return w.Findings(), w.Close()
}
