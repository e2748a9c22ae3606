package disk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/disk/rootfs"
	"slipway.dev/slipway/internal/disk/source"
	"slipway.dev/slipway/internal/disk/tree"
)

// Plan is a disk before it is made.
type Plan struct {
	Name       string      `json:"name"`
	Image      Image       `json:"image"`
	Formats    []Format    `json:"formats"`
	Boot       Boot        `json:"boot"`
	Arguments  []string    `json:"arguments"` // of the kernel, in the first slot
	Size       int64       `json:"size"`
	UUID       string      `json:"uuid"`   // of the disk
	Volume     string      `json:"volume"` // ID of the ESP
	Made       time.Time   `json:"made"`   // what the disk says
	Partitions []Partition `json:"partitions"`
	Warnings   []string    `json:"warnings,omitempty"`
	Commands   [][]string  `json:"commands"` // that make it

	slots  int
	need   rootfs.Need
	bundle []string // arguments where the root is the whole disk
}

// Image is what a disk is made of.
type Image struct {
	Reference string `json:"reference"` // as it was named
	Digest    string `json:"digest"`    // of what was named, which evidence is about
	Manifest  string `json:"manifest"`  // digest of its manifest for linux/amd64
}

// planFor plans the disk of an image whose files are in root, and completes the root with
// the directories that every system mounts something on.
func planFor(image *source.Image, root *tree.Node, o Options) (*Plan, error) {
	p := &Plan{
		Name: o.Name, Formats: o.Formats, slots: o.Slots, Made: madeAt(image.Created),
		Image: Image{image.Reference, image.Digest, image.Manifest},
		UUID:  identity(image.Manifest, "disk"), Volume: volumeID(image.Manifest),
	}
	var err error
	if p.Boot, err = findBoot(root); err != nil {
		return nil, fmt.Errorf("make a disk of %s: %w", image.Reference, err)
	}
	addMountPoints(root, p.Made)
	if p.need, err = rootfs.Measure(root); err != nil {
		return nil, fmt.Errorf("make a disk of %s: %w", image.Reference, err)
	}
	kernel := p.Boot.kernel.Size
	if p.Boot.initrd != nil {
		kernel += p.Boot.initrd.Size
	}
	esp := espSize(o.Slots, kernel)
	size, err := rootSize(p.need, o, esp)
	if err != nil {
		return nil, err
	}
	p.Partitions = partitions(image.Manifest, o.Slots, esp, size)
	last := p.Partitions[len(p.Partitions)-1]
	if p.Size = o.Size; p.Size == 0 {
		p.Size = last.Start + last.Size + end
	}
	if err := p.setArguments(root, o.Arguments); err != nil {
		return nil, err
	}
	p.Warnings = append(secrets(root), lostXattrs(root)...)
	for _, s := range p.steps("DISK", "SCRATCH") {
		p.Commands = append(p.Commands, s.args)
	}
	return p, nil
}

// root is the partition of the first slot.
func (p *Plan) root() Partition { return p.Partitions[2] }

// setArguments decides the kernel's arguments: where the root is, the image's own, and
// those that were asked for. Both consoles are set unless somebody names one.
func (p *Plan) setArguments(root *tree.Node, asked []string) error {
	own, err := imageArguments(root)
	if err != nil {
		return err
	}
	own = append(own, asked...)
	var more []string
	if !slices.Contains(own, "ro") {
		more = append(more, "rw")
	}
	if !slices.ContainsFunc(own, func(a string) bool { return strings.HasPrefix(a, "console=") }) {
		more = append(more, "console=tty0", "console=ttyS0,115200")
	}
	if p.Boot.Init != "/sbin/init" {
		more = append(more, "init="+p.Boot.Init)
	}
	more = append(more, own...)
	p.Arguments = append([]string{"root=PARTUUID=" + p.root().UUID}, more...)
	p.bundle = append([]string{"root=/dev/vda"}, more...)
	return nil
}

// addMountPoints adds what a kernel and an init mount their own file systems on.
func addMountPoints(root *tree.Node, made time.Time) {
	for _, name := range []string{"dev", "proc", "run", "sys", "tmp"} {
		if root.Children[name] == nil {
			n := tree.Dir(0o755)
			if name == "tmp" {
				n = tree.Dir(0o1777)
			}
			n.Modified = made
			root.Children[name] = n
		}
	}
}

// lostXattrs says which kinds of attributes are not written.
func lostXattrs(root *tree.Node) []string {
	lost, seen := map[string]int{}, map[*tree.Node]bool{}
	var look func(n *tree.Node)
	look = func(n *tree.Node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for name := range n.Xattrs {
			if !rootfs.KeepsXattr(name) {
				lost[name]++
			}
		}
		for _, child := range n.Children {
			look(child)
		}
	}
	look(root)
	var warnings []string
	for name, files := range lost {
		warnings = append(warnings, fmt.Sprintf("the extended attribute %s of %d files is not taken over", name, files))
	}
	slices.Sort(warnings)
	return warnings
}
