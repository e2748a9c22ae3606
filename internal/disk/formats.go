package disk

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/store"
)

// writeFormats writes the disk in each form into the scratch folder. The raw one is the
// disk itself, and comes last.
func (m *making) writeFormats(ctx context.Context) ([]File, error) {
	var files []File
	for _, format := range m.Formats {
		stop := progress.Watch(tellEvery, "write "+string(format), m.say)
		file, err := m.writeFormat(ctx, format)
		stop()
		if err != nil {
			return nil, err
		}
		m.say(fmt.Sprintf("%s: %s, %d MiB", file.Name, file.Digest, file.Size/mib))
		files = append(files, file)
	}
	return files, nil
}

func (m *making) writeFormat(ctx context.Context, format Format) (File, error) {
	f := File{Name: m.Name + format.extension(), Format: format}
	to := filepath.Join(m.work, f.Name)
	var err error
	switch format {
	case Raw:
		err = os.Link(m.disk, to)
	case QCOW2:
		err = formatStep(m.disk, to).run(ctx)
	case Bundle:
		err = m.writeBundle(ctx, to)
	}
	if err != nil {
		return f, err
	}
	info, err := os.Stat(to)
	if err != nil {
		return f, err
	}
	f.Size = info.Size()
	f.Digest, err = digest(ctx, to)
	return f, err
}

// bundleRecord says how a bundle is booted.
type bundleRecord struct {
	Image     Image    `json:"image"`
	Kernel    string   `json:"kernel"` // file in the bundle
	Initrd    string   `json:"initrd,omitempty"`
	Root      string   `json:"root"`
	Version   string   `json:"version"`   // of the kernel
	Arguments []string `json:"arguments"` // with the root as the first virtio disk
}

// writeBundle writes what a guest without firmware and partitions is booted by.
func (m *making) writeBundle(ctx context.Context, to string) error {
	r := bundleRecord{Image: m.Image, Kernel: "vmlinuz", Root: "root.ext4", Version: m.Boot.Version, Arguments: m.bundle}
	r.Image.Reference = "" // the same image by another name gives the same bundle
	if m.Boot.Initrd != "" {
		r.Initrd = "initrd"
	}
	raw, err := store.MarshalJSON(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(m.work, "bundle.json"), raw, 0o644); err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	archive, root := tar.NewWriter(out), m.Plan.root()
	add := func(name, from string, start, size int64) {
		if err == nil {
			err = addTo(ctx, archive, &tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: m.Made, Format: tar.FormatPAX}, from, start)
		}
	}
	add("bundle.json", filepath.Join(m.work, "bundle.json"), 0, int64(len(raw)))
	add(r.Kernel, m.Boot.kernel.Content, 0, m.Boot.kernel.Size)
	if m.Boot.initrd != nil {
		add(r.Initrd, m.Boot.initrd.Content, 0, m.Boot.initrd.Size)
	}
	add(r.Root, m.disk, root.Start, root.Size)
	return errors.Join(err, archive.Close(), out.Close())
}

// addTo adds a part of a file to an archive.
func addTo(ctx context.Context, archive *tar.Writer, h *tar.Header, from string, start int64) error {
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	return errors.Join(copyContext(ctx, archive, io.NewSectionReader(f, start, h.Size)), f.Close())
}

func copyContext(ctx context.Context, to io.Writer, from io.Reader) error {
	buffer := make([]byte, mib)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := io.CopyBuffer(to, io.LimitReader(from, 64*int64(len(buffer))), buffer)
		if n == 0 || err != nil {
			return err
		}
	}
}
