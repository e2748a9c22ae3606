package debian

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// place puts the fetched packages into dir under their file names.
func (a Archive) place(packages []Package, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, p := range packages {
		if err := linkOrCopy(a.Path(p), filepath.Join(dir, p.file())); err != nil {
			return fmt.Errorf("place package %s: %w", p, err)
		}
	}
	return nil
}

// linkOrCopy saves the copy where both are on one file system.
func linkOrCopy(from, to string) (err error) {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

// repository makes dir an archive of exactly these packages, as apt reads one.
func (a Archive) repository(ctx context.Context, packages []Package, dir string) error {
	if err := a.place(packages, dir); err != nil {
		return err
	}
	index, err := os.Create(filepath.Join(dir, "Packages"))
	if err != nil {
		return err
	}
	defer func() { _ = index.Close() }()
	for _, p := range packages {
		control, err := a.control(ctx, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(index, "%sFilename: ./%s\nSize: %d\nSHA256: %s\n\n", control, p.file(), p.Size, p.SHA256)
	}
	return index.Close()
}
