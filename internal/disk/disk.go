// Package disk makes bootable disks of OS images.
//
// An image with a kernel and an init becomes a GPT disk that boots under BIOS and UEFI.
// It is made in files alone: no loop device, no mount, no privilege. The bytes follow
// from the image's digest, the options and the versions of the tools, and from nothing
// else: every identifier is derived from the digest, every time is the image's. A record
// beside the disk, written last, says what it was made of.
package disk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Format is a form of a disk.
type Format string

// The forms of disks.
const (
	QCOW2  Format = "qcow2"
	Raw    Format = "raw"
	Bundle Format = "bundle" // a tar of kernel, initrd and root, for guests that are booted without firmware
)

// extension is how a file of the form ends.
func (f Format) extension() string {
	if f == Bundle {
		return ".tar"
	}
	return "." + string(f)
}

// Formats reads a list of forms.
func Formats(list string) ([]Format, error) {
	var formats []Format
	for _, text := range strings.Split(list, ",") {
		f := Format(strings.TrimSpace(text))
		if f != QCOW2 && f != Raw && f != Bundle {
			return nil, fmt.Errorf("%q is no form of a disk; write qcow2, raw or bundle, with commas between", text)
		}
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	return formats, nil
}

// Options say how a disk is to be, beside its image.
type Options struct {
	Name      string // of the files, without their ending
	Formats   []Format
	Size      int64    // of the disk in bytes; 0 is what it needs, with room to grow
	Slots     int      // roots: 1, or 2 so that a guest can upgrade into the other one and roll back
	Arguments []string // of the kernel, after the image's own
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)

// Check refuses options that no disk can have.
func (o Options) Check() error {
	switch {
	case !nameForm.MatchString(o.Name):
		return fmt.Errorf("%q is no name of a disk: letters, digits, and . _ + - after the first", o.Name)
	case len(o.Formats) == 0:
		return errors.New("no form of a disk is named; write qcow2, raw or bundle")
	case o.Slots != 1 && o.Slots != 2:
		return fmt.Errorf("%d roots are not possible; 1 or 2 are", o.Slots)
	case o.Size < 0 || o.Size%mib != 0:
		return fmt.Errorf("a size of %d bytes is no whole number of MiB", o.Size)
	case o.Size > maxSize:
		return fmt.Errorf("a size of %d bytes is more than can be made, %d", o.Size, int64(maxSize))
	}
	for _, argument := range o.Arguments {
		if err := checkArgument(argument); err != nil {
			return err
		}
	}
	return nil
}

const (
	mib     = 1 << 20
	maxSize = 8 << 40
)

// checkArgument refuses what would be another argument, or a command of GRUB's.
func checkArgument(argument string) error {
	if argument == "" || len(argument) > 1024 {
		return fmt.Errorf("a kernel argument of %d bytes is none", len(argument))
	}
	for _, c := range argument {
		if c <= ' ' || c > '~' || c == '\'' || c == '"' || c == '\\' {
			return fmt.Errorf("kernel argument %q holds %q, which is not passed on safely", argument, c)
		}
	}
	return nil
}
