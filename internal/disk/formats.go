package disk

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/disk/qcow2"
	"slipway.dev/slipway/internal/disk/tree"
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
	sum := sha256.New()
	to := filepath.Join(m.work, f.Name)
	var err error
	switch format {
	case Raw:
		f.Size = m.Size
		err = errors.Join(m.disk.settle(), copyContext(ctx, sum, io.NewSectionReader(m.disk, 0, m.Size)), os.Link(m.disk.Name(), to))
	case QCOW2:
		f.Size, err = create(to, sum, func(w io.Writer) error { return qcow2.Write(ctx, w, m.disk, m.Size, m.disk.extents()) })
	case Bundle:
		f.Size, err = create(to, sum, func(w io.Writer) error { return m.writeBundle(ctx, w) })
	}
	f.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return f, err
}

// create writes a file, and what is written into sum too.
func create(path string, sum io.Writer, write func(io.Writer) error) (size int64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered := bufio.NewWriterSize(io.MultiWriter(f, sum), mib)
	if err := errors.Join(write(buffered), buffered.Flush()); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}

func copyContext(ctx context.Context, to io.Writer, from io.Reader) error {
	buffer := make([]byte, 4*mib)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		n, err := io.CopyBuffer(to, io.LimitReader(from, 16*int64(len(buffer))), buffer)
		if n == 0 || err != nil {
			return err
		}
	}
}

// extents are the parts of a file that are no holes. A file system without holes says
// that all is one.
func extents(f *os.File) qcow2.Extents {
	return func(yield func(from, to int64) bool) {
		info, err := f.Stat()
		if err != nil {
			return
		}
		for from := int64(0); from < info.Size(); {
			data, err := unix.Seek(int(f.Fd()), from, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				return
			}
			hole := info.Size()
			if err != nil {
				data = from
			} else if h, err := unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE); err == nil {
				hole = h
			}
			if !yield(data, hole) {
				return
			}
			from = hole
		}
	}
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
func (m *making) writeBundle(ctx context.Context, to io.Writer) error {
	r := bundleRecord{Image: m.Image, Kernel: "vmlinuz", Root: "root.ext4", Version: m.Boot.Version, Arguments: m.bundle}
	r.Image.Reference = "" // the same image by another name gives the same bundle
	if m.Boot.Initrd != "" {
		r.Initrd = "initrd"
	}
	raw, err := store.MarshalJSON(r)
	if err != nil {
		return err
	}
	root := m.Plan.root()
	archive := tar.NewWriter(to)
	add := func(name string, size int64, content io.Reader) {
		if err == nil {
			err = archive.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: m.Made, Format: tar.FormatPAX})
		}
		if err == nil {
			err = copyContext(ctx, archive, content)
		}
	}
	bundle := tree.File(string(raw), 0o644)
	add("bundle.json", bundle.Size, bundle.Open())
	add(r.Kernel, m.Boot.kernel.Size, m.Boot.kernel.Open())
	if m.Boot.initrd != nil {
		add(r.Initrd, m.Boot.initrd.Size, m.Boot.initrd.Open())
	}
	add(r.Root, root.Size, io.NewSectionReader(m.disk, root.Start, root.Size))
	return errors.Join(err, archive.Close())
}

// spare keeps the bytes of a sparse file, with its holes. The file has no name, and
// ends with this process.
func spare(work string, content io.Reader) (io.ReaderAt, error) {
	f, err := os.CreateTemp(work, "sparse-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	buffer, zeroes, size := make([]byte, mib), make([]byte, mib), int64(0)
	for {
		n, err := io.ReadFull(content, buffer)
		if string(buffer[:n]) != string(zeroes[:n]) {
			if _, err := f.WriteAt(buffer[:n], size); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		}
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return f, f.Truncate(size)
		case err != nil:
			return nil, errors.Join(err, f.Close())
		}
	}
}
