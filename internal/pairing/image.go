package pairing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// Image is what a virtual machine boots: a kernel and perhaps a root, or a disk with
// a boot loader.
type Image struct {
	Kernel, Initrd, Append string
	Disk                   string // file; empty if the initrd is all there is
}

// OpenImage looks at a machine's image. A bundle (a tar, as slipway disk build makes it) is
// unpacked into the folder; anything else is a disk.
func OpenImage(ctx context.Context, file, folder string) (Image, error) {
	bundle, err := isTar(file)
	if err != nil || !bundle {
		return Image{Disk: file}, err
	}
	image, err := unpack(ctx, file, folder)
	if err != nil {
		return Image{}, fmt.Errorf("unpack the bundle of a virtual machine: %w", err)
	}
	return image, nil
}

// isTar says whether a file begins as a tar does.
func isTar(file string) (_ bool, err error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	const at, magic = 257, "ustar"
	header := make([]byte, at+len(magic))
	switch _, err := io.ReadFull(f, header); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return false, nil
	case err != nil:
		return false, err
	}
	return string(header[at:]) == magic, nil
}

// unpack unpacks a bundle. What is no plain file in it is not there.
func unpack(ctx context.Context, file, folder string) (Image, error) {
	args := []string{"tar", "--extract", "--file=" + file, "--directory=" + folder, "--no-same-owner", "--no-same-permissions"}
	if err := exec.Run(ctx, exec.Cmd{Args: args}); err != nil {
		return Image{}, err
	}
	there := func(name string) string {
		path := filepath.Join(folder, name)
		if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
			return ""
		}
		return path
	}
	described := there("bundle.json")
	image := Image{Kernel: there("vmlinuz"), Initrd: there("initrd"), Disk: there("root.ext4")}
	if described == "" || image.Kernel == "" {
		return Image{}, errors.New("it has no bundle.json or no vmlinuz")
	}
	data, err := os.ReadFile(described)
	if err != nil {
		return Image{}, err
	}
	var says struct {
		Arguments []string `json:"arguments"`
	}
	if err := json.Unmarshal(data, &says); err != nil {
		return Image{}, fmt.Errorf("parse its bundle.json: %w", err)
	}
	image.Append = strings.Join(says.Arguments, " ")
	return image, nil
}
