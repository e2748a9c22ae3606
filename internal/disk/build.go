package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/disk/ext4"
	"slipway.dev/slipway/internal/disk/gpt"
	"slipway.dev/slipway/internal/disk/source"
	"slipway.dev/slipway/internal/disk/tree"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/store"
)

// Builder makes disks.
type Builder struct {
	Cache string       // folder of layers
	Bound int64        // bytes of layers that are kept there; 0 is DefaultBound
	Say   func(string) // told what is done, by several goroutines at once
}

// DefaultBound is how much of layers is kept.
const DefaultBound = 20 << 30

const tellEvery = 10 * time.Second

// Plan reads an image, down to its layers, and plans its disk.
func (b Builder) Plan(ctx context.Context, image string, o Options) (*Plan, error) {
	var planned *Plan
	err := b.open(ctx, image, o, func(p *Plan, _ *tree.Node) error { planned = p; return nil })
	return planned, err
}

// Build makes the disk of an image in a folder, and returns its record, which is there
// when all else is. If it fails, or ctx ends, the folder is as it was.
func (b Builder) Build(ctx context.Context, image string, o Options, folder string) (*Record, error) {
	var record *Record
	err := b.open(ctx, image, o, func(p *Plan, root *tree.Node) (err error) {
		record, err = b.apply(ctx, p, root, folder)
		return err
	})
	return record, err
}

// open gives the plan and the files of an image to use, while its layers are open.
func (b Builder) open(ctx context.Context, reference string, o Options, use func(*Plan, *tree.Node) error) error {
	if err := errors.Join(o.Check(), checkTools()); err != nil {
		return err
	}
	image, err := source.Open(ctx, reference, b.Say)
	if err != nil {
		return err
	}
	b.Say(fmt.Sprintf("image %s is %s", reference, image.Digest))
	work, remove, err := scratch.Place{Parent: b.Cache, Prefix: "build-"}.Make()
	if err != nil {
		return err
	}
	defer remove()
	cache := source.Cache{Folder: filepath.Join(b.Cache, "layers"), Scratch: work, Bound: b.Bound, Say: b.Say}
	if cache.Bound == 0 {
		cache.Bound = DefaultBound
	}
	layers, err := cache.Layers(ctx, image)
	if err != nil {
		return fmt.Errorf("bring image %s: %w", reference, err)
	}
	defer source.Close(layers)
	root, err := merge(ctx, layers, work)
	if err != nil {
		return fmt.Errorf("put image %s together: %w", reference, err)
	}
	p, err := planFor(image, root, o)
	if err != nil {
		return err
	}
	return errors.Join(use(p, root), cache.Prune())
}

// merge puts layers together. The files of spare are closed with the process's other
// temporary ones, when nobody has the tree any more.
func merge(ctx context.Context, files []*os.File, work string) (*tree.Node, error) {
	var layers []tree.Layer
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		layers = append(layers, tree.Layer{Content: f, Size: info.Size()})
	}
	return tree.Merge(ctx, layers, func(content io.Reader) (io.ReaderAt, error) { return spare(work, content) })
}

// making is a disk on its way.
type making struct {
	*Plan
	root   *tree.Node
	work   string // scratch folder, on the same file system as the result
	disk   *canvas
	folder string
	say    func(string)
}

func (b Builder) apply(ctx context.Context, p *Plan, root *tree.Node, folder string) (*Record, error) {
	for _, warning := range p.Warnings {
		b.Say("warning: " + warning)
	}
	versions, err := versions(ctx)
	if err != nil {
		return nil, err
	}
	work, remove, err := scratch.Place{Parent: folder, Prefix: ".disk-"}.Make()
	if err != nil {
		return nil, err
	}
	defer remove()
	disk, err := os.Create(filepath.Join(work, "disk"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = disk.Close() }()
	m := &making{Plan: p, root: root, work: work, disk: &canvas{File: disk}, folder: folder, say: b.Say}
	if err := m.write(ctx); err != nil {
		return nil, fmt.Errorf("make the disk of %s: %w", p.Image.Reference, err)
	}
	files, err := m.writeFormats(ctx)
	if err != nil {
		return nil, fmt.Errorf("write the disk of %s: %w", p.Image.Reference, err)
	}
	record := &Record{
		Image: p.Image, Boot: p.Boot, Arguments: p.Arguments, Size: p.Size, UUID: p.UUID, Partitions: p.Partitions,
		Builder: "slipway", Tools: versions, Files: files,
	}
	return record, m.publish(record)
}

// write makes the disk. What boots and the root are written at once: they have nothing
// of the file in common.
func (m *making) write(ctx context.Context) error {
	if err := m.disk.Truncate(m.Size); err != nil {
		return err
	}
	if err := gpt.Write(m.disk, m.Size, gpt.Table{UUID: m.UUID, Partitions: m.Partitions}); err != nil {
		return err
	}
	m.say(fmt.Sprintf("write a disk of %d MiB: kernel %s, root of %d MiB", m.Size/mib, m.Boot.Version, m.Plan.root().Size/mib))
	defer progress.Watch(tellEvery, "write the disk", m.say)()
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.writeBoot(groupCtx) })
	group.Go(func() error { return m.writeRoot(groupCtx) })
	if err := group.Wait(); err != nil {
		return err
	}
	return m.readBack()
}

// writeRoot makes the first root's file system; the other stays empty.
func (m *making) writeRoot(ctx context.Context) error {
	if err := m.rootStep(m.disk.Name()).run(ctx); err != nil {
		return err
	}
	if err := ext4.Populate(ctx, partition{m.disk, m.Plan.root().Start}, m.root); err != nil {
		return fmt.Errorf("write the root file system: %w", err)
	}
	return nil
}

// writeBoot makes what the firmwares start.
func (m *making) writeBoot(ctx context.Context) error {
	for name, data := range map[string]string{
		earlyFile: early(m.Volume), grubFile: grubConfig(m.slots), envFile: grubEnvironment(),
		bootFile: bootConfig(slotNames[0], m.Arguments, m.Boot.Initrd != ""),
	} {
		if err := os.WriteFile(filepath.Join(m.work, name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	for name, n := range map[string]*tree.Node{"vmlinuz": m.Boot.kernel, "initrd": m.Boot.initrd} {
		if n != nil {
			if err := extract(n, filepath.Join(m.work, name)); err != nil {
				return err
			}
		}
	}
	for _, s := range m.bootSteps(m.disk.Name(), m.work) {
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return m.writeMBR()
}

// extract writes a file of the image to a path.
func extract(n *tree.Node, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, n.Open())
	return errors.Join(err, f.Close())
}

// writeMBR puts GRUB where a BIOS starts it.
func (m *making) writeMBR() error {
	boot, err := os.ReadFile(filepath.Join(grubFolder, "i386-pc", "boot.img"))
	if err != nil {
		return err
	}
	core, err := os.ReadFile(filepath.Join(m.work, "core.img"))
	if err != nil {
		return err
	}
	mbr, image, err := embed(boot, core, biosStart)
	if err != nil {
		return err
	}
	_, err = m.disk.WriteAt(mbr, 0)
	_, imageErr := m.disk.WriteAt(image, biosStart)
	return errors.Join(err, imageErr)
}

// readBack sees that the partition table is the one that was planned.
func (m *making) readBack() error {
	table, err := gpt.Read(m.disk, m.Size)
	if err != nil {
		return err
	}
	if fmt.Sprint(table.Partitions) != fmt.Sprint(m.Partitions) || table.UUID != m.UUID {
		return fmt.Errorf("the partitions are %+v, and %+v were wanted", table.Partitions, m.Partitions)
	}
	return nil
}

// publish lets the finished files appear. The record goes first and comes last: it is
// never beside a disk that it is not about.
func (m *making) publish(record *Record) error {
	path := filepath.Join(m.folder, m.Name+RecordEnding)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, f := range record.Files {
		if err := os.Rename(filepath.Join(m.work, f.Name), filepath.Join(m.folder, f.Name)); err != nil {
			return err
		}
	}
	raw, err := store.MarshalJSON(record)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(m.work, "record"), raw, 0o644); err != nil {
		return err
	}
	return os.Rename(filepath.Join(m.work, "record"), path)
}
