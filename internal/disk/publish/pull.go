package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/sparse"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/store"
)

// Puller brings disks from the registry that has their image.
type Puller struct {
	Wait  time.Duration // for the image and its disks to be there; 0 is not to wait
	Every time.Duration // how often to look; 0 is every 5 seconds
	Disk  string        // digest of the wanted disk, where an image has several; may be empty
	Say   func(string)
}

// pulling is one Pull.
type pulling struct {
	Puller
	client *oci.Client
	image  Reference
}

// Pulled are disks in a folder, and the image that they were made of.
type Pulled struct {
	Image Reference
	Files []disk.File
}

// Pull brings the image's disks of these forms into a folder, each with its record beside
// it. What is there already is not brought again.
func (p Puller) Pull(ctx context.Context, image Reference, formats []disk.Format, folder string) (Pulled, error) {
	do := &pulling{Puller: p, client: oci.New(oci.Config{Progress: p.Say}), image: image}
	waiting, cancel := p.patience(ctx)
	defer cancel()
	var err error
	if do.image, err = p.resolve(waiting, do.client, image); err != nil {
		return Pulled{}, fmt.Errorf("pull a disk of %s: %w", image, err)
	}
	pulled := Pulled{Image: do.image}
	for _, format := range formats {
		file, err := do.pull(ctx, waiting, format, folder)
		if err != nil {
			return pulled, fmt.Errorf("pull a disk of %s: %w", image, err)
		}
		pulled.Files = append(pulled.Files, file)
	}
	return pulled, nil
}

func (p *pulling) pull(ctx, waiting context.Context, format disk.Format, folder string) (disk.File, error) {
	var a artifact
	err := p.await(waiting, fmt.Sprintf("the %s disk of %s", format, p.image), func() (err error) {
		a, err = p.find(waiting, format)
		return err
	})
	if errors.Is(err, oci.ErrAbsent) {
		return disk.File{}, fmt.Errorf("%w; `slipway disk build --push` makes one, and --wait waits for it", err)
	}
	if err != nil {
		return disk.File{}, err
	}
	record, err := p.record(ctx, a)
	if err != nil {
		return disk.File{}, err
	}
	return record.Files[0], p.bring(ctx, record, folder)
}

// bring brings the disk of a record, and then writes the record. A record is never beside
// a disk that it is not about.
func (p *pulling) bring(ctx context.Context, record *disk.Record, folder string) error {
	file := record.Files[0]
	path := filepath.Join(folder, file.Name)
	work, remove, err := scratch.Place{Parent: folder, Prefix: ".pull-"}.MakeGuarded(ctx)
	if err != nil {
		return err
	}
	defer remove()
	if err := addOthers(record, recordOfDisk(path)); err != nil {
		return err
	}
	if isThere(path, file) {
		p.Say(file.Name + " is there already")
	} else {
		if err := p.download(ctx, file, filepath.Join(work, file.Name)); err != nil {
			return err
		}
		if err := os.Remove(recordOfDisk(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Rename(filepath.Join(work, file.Name), path); err != nil {
			return err
		}
	}
	raw, err := store.MarshalJSON(record)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "record"), raw, 0o644); err != nil {
		return err
	}
	return os.Rename(filepath.Join(work, "record"), recordOfDisk(path))
}

func recordOfDisk(path string) string {
	return strings.TrimSuffix(path, filepath.Ext(path)) + disk.RecordEnding
}

// isThere says whether a file has the bytes of a disk. One that cannot be read has not.
func isThere(path string, file disk.File) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Size() == file.Size && file.Verify(path) == nil
}

// download brings a disk, whose bytes are verified on their way.
func (p *pulling) download(ctx context.Context, file disk.File, to string) (err error) {
	what := fmt.Sprintf("pull %s, %d MiB", file.Name, file.Size>>20)
	p.Say(what)
	defer progress.Watch(10*time.Second, what, p.Say)()
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return p.client.ReadBlob(ctx, p.image.Repository, file.Digest, file.Size, func(r io.Reader) error { return sparse.Write(f, r) })
}

// addOthers adds to a record the other forms of the same disk that the older record at a
// path is about. An older record of anything else goes.
func addOthers(record *disk.Record, path string) error {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var old disk.Record
	if json.Unmarshal(raw, &old) != nil || !sameMaking(old, *record) {
		return nil
	}
	for _, f := range old.Files {
		if !slices.ContainsFunc(record.Files, func(have disk.File) bool { return have.Name == f.Name }) {
			record.Files = append(record.Files, f)
		}
	}
	return nil
}

// sameMaking says whether two records are about one disk, whatever its forms.
func sameMaking(a, b disk.Record) bool {
	a.Files, b.Files = nil, nil
	a.Image.Reference, b.Image.Reference = "", ""
	one, err := store.MarshalJSON(a)
	other, otherErr := store.MarshalJSON(b)
	return err == nil && otherErr == nil && string(one) == string(other)
}
