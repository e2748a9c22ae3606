package play

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Readme tells people what is in a demo's folder, and a folder of the demo from others.
const Readme = "README"

// Folder is where everything of a demo is.
type Folder struct {
	Name  string // as it was given, for commands that people type where they started it
	Path  string // absolute
	about string
}

// NewFolder makes a folder anew, with about in its Readme. One that holds anything else
// than an earlier demo, whose about had the same first line, is left alone.
func NewFolder(name, about string) (f Folder, err error) {
	f.Name, f.about = filepath.Clean(name), about
	if f.Path, err = filepath.Abs(name); err != nil {
		return f, err
	}
	if err := f.Remove(); err != nil {
		return f, err
	}
	return f, errors.Join(os.MkdirAll(f.Path, 0o755), os.WriteFile(f.In(Readme), []byte(about), 0o600))
}

// In is a file of the folder.
func (f Folder) In(name string) string { return filepath.Join(f.Path, name) }

// Remove removes the folder, if a demo made it.
func (f Folder) Remove() error {
	switch entries, err := os.ReadDir(f.Path); {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return err
	}
	was, err := os.ReadFile(f.In(Readme))
	title, _, _ := strings.Cut(f.about, "\n")
	if err != nil || !strings.HasPrefix(string(was), title+"\n") {
		return fmt.Errorf("%s is not empty, and no earlier demo made it; name another folder with --output", f.Path)
	}
	return os.RemoveAll(f.Path)
}

// Note adds to what the README says.
func (f Folder) Note(text string) error {
	file, err := os.OpenFile(f.In(Readme), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
