package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/disk/rootfs"
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

// open gives the plan and the files of an image to use, while its layers are sure to stay.
func (b Builder) open(ctx context.Context, reference string, o Options, use func(*Plan, *tree.Node) error) error {
	if err := errors.Join(o.Check(), checkTools()); err != nil {
		return err
	}
	image, err := source.Open(ctx, reference, b.Say)
	if err != nil {
		return err
	}
	b.Say(fmt.Sprintf("image %s is %s", reference, image.Digest))
	cacheFolder, err := filepath.Abs(b.Cache)
	if err != nil {
		return err
	}
	work, remove, err := scratch.Place{Parent: cacheFolder, Prefix: "build-"}.MakeGuarded(ctx)
	if err != nil {
		return err
	}
	defer remove()
	cache := source.Cache{Folder: filepath.Join(cacheFolder, "layers"), Scratch: work, Bound: b.Bound, Say: b.Say}
	if cache.Bound == 0 {
		cache.Bound = DefaultBound
	}
	if err := b.use(ctx, cache, image, o, use); err != nil {
		return err
	}
	return cache.Prune()
}

func (b Builder) use(ctx context.Context, cache source.Cache, image *source.Image, o Options, use func(*Plan, *tree.Node) error) error {
	layers, release, err := cache.Unpacked(ctx, image)
	if err != nil {
		return fmt.Errorf("bring image %s: %w", image.Reference, err)
	}
	defer release()
	root, err := tree.Merge(layers)
	if err != nil {
		return fmt.Errorf("put image %s together: %w", image.Reference, err)
	}
	p, err := planFor(image, root, o)
	if err != nil {
		return err
	}
	return use(p, root)
}

// making is a disk on its way.
type making struct {
	*Plan
	root   *tree.Node
	work   string // scratch folder, on the same file system as the result
	disk   string
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
	if folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	work, remove, err := scratch.Place{Parent: folder, Prefix: ".disk-"}.MakeGuarded(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	m := &making{Plan: p, root: root, work: work, disk: filepath.Join(work, "disk"), folder: folder, say: b.Say}
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
	if err := errors.Join(os.WriteFile(m.disk, nil, 0o644), os.Truncate(m.disk, m.Size)); err != nil {
		return err
	}
	if err := m.tableStep(m.disk).run(ctx); err != nil {
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
	return m.readBack(ctx)
}

// writeRoot makes the first root's file system.
func (m *making) writeRoot(ctx context.Context) error {
	filled, script, files := rootfs.Fill(m.root)
	files[fillScript], files[listScript] = string(script), string(filled.ListScript())
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(m.work, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	var listed string
	for _, s := range m.rootSteps(m.disk, m.work) {
		said, err := s.runE2fs(ctx)
		if err != nil {
			return fmt.Errorf("make the root file system: %w", err)
		}
		if slices.Contains(s.args, listScript) {
			listed = said
		}
	}
	return filled.CheckList(listed)
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
	for _, s := range m.bootSteps(m.disk, m.work) {
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return m.writeMBR()
}

// extract writes a file of the image to a path.
func extract(n *tree.Node, path string) error {
	from, err := n.Open()
	if err != nil {
		return err
	}
	to, err := os.Create(path)
	if err != nil {
		return errors.Join(err, from.Close())
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close(), from.Close())
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
	disk, err := os.OpenFile(m.disk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = disk.WriteAt(mbr, 0)
	_, imageErr := disk.WriteAt(image, biosStart)
	return errors.Join(err, imageErr, disk.Close())
}

// readBack sees that the partition table is the one that was planned.
func (m *making) readBack(ctx context.Context) error {
	table, err := readRaw(ctx, m.disk)
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
