package goo

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"
)

// write writes a package: the files of t in their order, then the specification.
//
// Nothing of this machine shows in the bytes: every entry has the time when,
// belongs to nobody and has mode 0644 or 0755; gzip's header has neither name
// nor time. Entries are USTAR unless a name or a size needs more.
func write(w io.Writer, t *tree, files []file, pkg *PkgSpec, when time.Time) error {
	zip := gzip.NewWriter(w)
	a := archive{Writer: tar.NewWriter(zip), when: when}
	for _, f := range files {
		if err := a.addFile(t, f); err != nil {
			return fmt.Errorf("add %s: %w", f.source, err)
		}
	}
	if err := a.addSpec(pkg); err != nil {
		return err
	}
	return errors.Join(a.Close(), zip.Close())
}

type archive struct {
	*tar.Writer
	when time.Time
}

func (a archive) addFile(t *tree, f file) error {
	in, info, err := t.open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := a.header(f.name, info.Size(), info.Mode()); err != nil {
		return err
	}
	copied, err := io.Copy(a, in)
	if err == nil && copied != info.Size() {
		err = fmt.Errorf("it shrank from %d to %d bytes while it was read", info.Size(), copied)
	}
	return err
}

// addSpec writes the specification in the form that googet gives it.
func (a archive) addSpec(pkg *PkgSpec) error {
	text, err := json.MarshalIndent(pkg, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", pkg.entryName(), err)
	}
	if err := a.header(pkg.entryName(), int64(len(text)), 0); err != nil {
		return err
	}
	_, err = a.Write(text)
	return err
}

func (a archive) header(name string, size int64, mode fs.FileMode) error {
	perm := int64(0o644)
	if mode&0o100 != 0 {
		perm = 0o755
	}
	return a.WriteHeader(&tar.Header{Name: name, Size: size, Mode: perm, ModTime: a.when})
}

// newFile is a file that has its name only once all of it is there.
type newFile struct {
	*os.File
	final string
}

// create begins a file of the given name in folder, under another name.
func create(folder, name string) (*newFile, error) {
	f, err := os.CreateTemp(folder, "."+name+".*.tmp")
	if err != nil {
		return nil, err
	}
	return &newFile{File: f, final: path.Join(folder, name)}, nil
}

// finish makes what was written last, still under the other name.
func (f *newFile) finish() error {
	return errors.Join(f.Chmod(0o644), f.Sync(), f.Close())
}

// publish gives the file its name.
func (f *newFile) publish() error { return os.Rename(f.Name(), f.final) }

// discard removes the file by whichever name it has.
func (f *newFile) discard() {
	_ = f.Close()
	_ = os.Remove(f.Name())
}
