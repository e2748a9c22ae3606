package vmcmd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/qemu"
)

// image is a file that a guest boots from, as it was when it was opened.
type image struct {
	File   string
	Digest string
	Disk   qemu.Disk
	Made   string // digest of the image that it was made of, if its record says so
	From   string // that image, for people

	info os.FileInfo
}

// openImage looks at a disk before anything boots from it. A disk whose record says that
// it was another one is refused.
func openImage(file string, say func(string)) (*image, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	i := &image{File: file}
	if i.info, err = os.Stat(file); err != nil {
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	if !i.info.Mode().IsRegular() {
		return nil, fmt.Errorf("open the disk: %s is no file; copy a device into one by qemu-img convert", file)
	}
	format, err := formatOf(file)
	if err != nil {
		return nil, err
	}
	i.Disk = qemu.Disk{File: file, Format: format}
	stop := progress.Watch(10*time.Second, "read "+file, say)
	defer stop()
	if i.Digest, err = disk.Digest(file); err != nil {
		return nil, err
	}
	return i, i.readRecord()
}

func (i *image) readRecord() error {
	record, row, err := disk.Read(i.File)
	if errors.Is(err, disk.ErrNoRecord) {
		return nil
	}
	if err != nil {
		return err
	}
	if row.Digest != i.Digest {
		return fmt.Errorf("%s is %s, and its record says %s: it was changed since it was made; make it again, or remove the record", i.File, i.Digest, row.Digest)
	}
	i.Made, i.From = record.Image.Digest, record.Image.Reference
	return nil
}

// unchanged says whether the file is still what its digest was taken of.
func (i *image) unchanged() error {
	now, err := os.Stat(i.File)
	if err != nil {
		return fmt.Errorf("look at the disk again: %w", err)
	}
	if !os.SameFile(now, i.info) || now.Size() != i.info.Size() || !now.ModTime().Equal(i.info.ModTime()) {
		return fmt.Errorf("%s changed while it was tested, so nothing is known of it; test it again", i.File)
	}
	return nil
}

// subjects are what evidence about the disk is about: it, and the image that it is made of.
func (i *image) subjects() []evidence.Subject {
	subjects := []evidence.Subject{{Name: filepath.Base(i.File), Digest: i.Digest}}
	if i.Made != "" {
		subjects = append(subjects, evidence.Subject{Name: i.From, Digest: i.Made})
	}
	return subjects
}

// formatOf is the format of a disk: qcow2 if it begins like one, else raw. A qcow2 that
// takes bytes from other files is refused, since its digest does not cover them.
func formatOf(file string) (format string, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	header := make([]byte, 104)
	n, err := io.ReadFull(f, header)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	if n < len(header) || string(header[:4]) != "QFI\xfb" {
		return "raw", nil
	}
	version, backing := binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint64(header[8:])
	incompatible := binary.BigEndian.Uint64(header[72:]) // since version 3
	const external = 1 << 2
	if backing != 0 || version >= 3 && incompatible&external != 0 {
		return "", fmt.Errorf("%s takes bytes from another file, which its digest does not cover; make one file of them by qemu-img convert -O qcow2", file)
	}
	return "qcow2", nil
}
