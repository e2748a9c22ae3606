package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// readme tells people what is in the folder, and a folder of this demo from others.
const readme = "README"

const title = "What the demonstration of promoting by comments left; the next one removes it.\n"

const about = title + `
configuration/  the configuration repository as it was in the end: channels, keys, OWNERS
store/          decisions/ (what people said, signed), plans/, ledger/, evidence/, chatops/ (what the plugin has to do)
disks/          the disks, and what channels point to
logs/           what each promoter's ProwJob printed
git/            the repositories of the fake GitHub
plugin.log      what the plugin did
ci.key, chatops.key, hmac   made for this demonstration alone

To look around, after make build, in the folder where the demonstration was started:

`

// folder is where everything of a demo is.
type folder struct {
	name string // as it was given, for commands that people type where they started it
	path string // absolute
}

// newFolder makes a folder anew. One that holds anything else than an earlier demo is
// left alone.
func newFolder(name string) (f folder, err error) {
	f.name = filepath.Clean(name)
	if f.path, err = filepath.Abs(name); err != nil {
		return f, err
	}
	if err := f.remove(); err != nil {
		return f, err
	}
	return f, errors.Join(os.MkdirAll(f.path, 0o755), os.WriteFile(f.in(readme), []byte(about), 0o600))
}

func (f folder) in(name string) string { return filepath.Join(f.path, name) }

func (f folder) remove() error {
	switch entries, err := os.ReadDir(f.path); {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return err
	}
	was, err := os.ReadFile(f.in(readme))
	if err != nil || !strings.HasPrefix(string(was), title) {
		return fmt.Errorf("%s is not empty, and no earlier demo made it; name another folder with --output", f.path)
	}
	return os.RemoveAll(f.path)
}

// note adds to what the README says.
func (f folder) note(text string) error {
	file, err := os.OpenFile(f.in(readme), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
