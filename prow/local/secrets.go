package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Secrets is a folder that stands for the secrets and config maps of a cluster: it
// holds a folder of each by name, with a file of each key.
type Secrets struct {
	Dir  string // empty holds none
	Hide bool   // values are for people to see, so they are replaced by names
}

// object is a secret or config map that a pod refers to.
type object struct {
	kind, name string
	optional   bool
}

// keys are the keys of an object, sorted.
func (l *localizer) keys(o object, where string) []string {
	entries, err := os.ReadDir(filepath.Join(l.Secrets.Dir, o.name))
	if l.Secrets.Dir == "" || err != nil {
		l.lacks(o, "", where, err)
		return nil
	}
	var keys []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "..") && !e.IsDir() { // a mounted secret has folders of that kind
			keys = append(keys, e.Name())
		}
	}
	return keys
}

// file is where the value of a key lies.
func (l *localizer) file(o object, key, where string) (string, bool) {
	if !filepath.IsLocal(o.name) || !filepath.IsLocal(key) {
		l.refuse(where, "%s %s has a key %s that is no file name", o.kind, o.name, key)
		return "", false
	}
	path, err := filepath.Abs(filepath.Join(l.Secrets.Dir, o.name, key))
	if err == nil {
		_, err = os.Stat(path)
	}
	if l.Secrets.Dir == "" || err != nil {
		l.lacks(o, key, where, err)
		return "", false
	}
	return path, true
}

// value is the value of a key.
func (l *localizer) value(o object, key, where string) (string, bool) {
	path, ok := l.file(o, key, where)
	if !ok {
		return "", false
	}
	if l.Secrets.Hide {
		return fmt.Sprintf("<%s %s key %s>", o.kind, o.name, key), true
	}
	data, err := os.ReadFile(path)
	if err != nil {
		l.lacks(o, key, where, err)
	}
	return string(data), err == nil
}

// lacks notes what is not there, unless the pod can do without.
func (l *localizer) lacks(o object, key, where string, err error) {
	if o.optional && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		return
	}
	text := o.kind + " " + o.name
	if key != "" {
		text += " key " + key
	}
	text += " (" + where
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		text += ": " + err.Error()
	}
	l.missing = append(l.missing, text+")")
}

// missingSecrets is one error about all of them.
func (l *localizer) missingSecrets() error {
	if len(l.missing) == 0 {
		return nil
	}
	slices.Sort(l.missing)
	l.missing = slices.Compact(l.missing)
	where := "--secrets " + l.Secrets.Dir + " lacks"
	if l.Secrets.Dir == "" {
		where = "it needs --secrets FOLDER with"
	}
	return fmt.Errorf("%s %s; write each value into a file FOLDER/NAME/KEY", where, strings.Join(l.missing, ", "))
}
