package root

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/packagebuild"
)

// imageLayer unpacks the target's container image.
func (m *Manager) imageLayer(t packagebuild.Target) recipe {
	return recipe{
		name:  "image-" + short(format, t.Root.Image, t.Arch),
		title: "root " + t.Root.Image,
		fixed: true,
		make: func(ctx context.Context, tree string, _ io.Writer) ([]LockedPackage, error) {
			if err := pull(ctx, t.Root.Image, t.Arch, tree); err != nil {
				return nil, err
			}
			return m.lock(ctx, t.Root, []string{tree}, nil)
		},
	}
}

// pull fetches an image and unpacks all of it into tree.
func pull(ctx context.Context, image, arch, tree string) error {
	ref, err := name.NewDigest(image)
	if err != nil {
		return fmt.Errorf("name of root image: %w", err)
	}
	img, err := remote.Image(ref, remote.WithContext(ctx),
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
	if err != nil {
		return fmt.Errorf("pull root image: %w", err)
	}
	flat := mutate.Extract(img)
	defer flat.Close()
	if err := unpack(flat, tree); err != nil {
		return fmt.Errorf("unpack %s: %w", image, err)
	}
	return nil
}

// unpack writes an archive's entries below dir, and nowhere else. Devices are left
// out, and so are set-user-ID bits: who builds in the root is root already.
//
// A flattened image has its topmost layer first: a folder may come after what
// is in it, and a hard link before its target.
func unpack(r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var later []*tar.Header
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeLink {
			later = append(later, h)
			continue
		}
		if err := unpackEntry(root, h, archive); err != nil {
			return fmt.Errorf("entry %s: %w", h.Name, err)
		}
	}
	for _, h := range later {
		if err := unpackLink(root, h); err != nil {
			return fmt.Errorf("link %s to %s: %w", h.Name, h.Linkname, err)
		}
	}
	return nil
}

func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	file, err := inTree(h.Name)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err = root.MkdirAll(file, 0o755)
	case tar.TypeReg:
		err = unpackFile(root, file, content)
	case tar.TypeSymlink:
		return errors.Join(root.Symlink(h.Linkname, file), root.Lchown(file, h.Uid, h.Gid))
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if err := root.Lchown(file, h.Uid, h.Gid); err != nil {
		return err
	}
	mode := fs.FileMode(h.Mode & 0o777)
	if h.Typeflag == tar.TypeDir && h.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return errors.Join(root.Chmod(file, mode), root.Chtimes(file, h.ModTime, h.ModTime))
}

func unpackFile(root *os.Root, file string, content io.Reader) error {
	f, err := root.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}

func unpackLink(root *os.Root, h *tar.Header) error {
	file, err := inTree(h.Name)
	if err != nil {
		return err
	}
	target, err := inTree(h.Linkname)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(file), 0o755); err != nil {
		return err
	}
	return root.Link(target, file)
}

// inTree is the path below the tree that an archive's name means.
func inTree(name string) (string, error) {
	for element := range strings.SplitSeq(name, "/") {
		if element == ".." {
			return "", fmt.Errorf("%q leads out of the root", name)
		}
	}
	return path.Clean("./" + strings.TrimLeft(name, "/")), nil
}

// lock names what is in the root, as well as its kind can.
func (m *Manager) lock(ctx context.Context, r packagebuild.Root, layers []string, known []LockedPackage) ([]LockedPackage, error) {
	switch {
	case r.Suite != "":
		return m.lockDebian(ctx, layers, known)
	case inLayers(layers, "usr/bin/rpm"):
		return m.lockRPM(ctx, layers)
	}
	repository, digest, _ := strings.Cut(r.Image, "@sha256:")
	return []LockedPackage{{Name: repository, Version: "sha256:" + digest, SHA256: digest}}, nil
}

func (m *Manager) lockRPM(ctx context.Context, layers []string) ([]LockedPackage, error) {
	var out bytes.Buffer
	err := m.inside(ctx, layers, &out, "rpm", "-qa", "--qf",
		`%{NAME}\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SHA256HEADER}\n`)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	return parseRPMs(out.String())
}

func parseRPMs(text string) ([]LockedPackage, error) {
	var list []LockedPackage
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("list packages: rpm said %q", line)
		}
		list = append(list, LockedPackage{fields[0], fields[1], fields[2], fields[3]})
	}
	sortPackages(list)
	return list, nil
}
