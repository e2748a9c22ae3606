package disk

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"slipway.dev/slipway/internal/disk/rootfs"
)

// step is a program that writes a part of the disk.
type step struct {
	args   []string
	env    []string // beside the environment
	folder string   // where it runs
	stdin  string
	stdout io.Writer
	stderr io.Writer
}

// The files in the scratch folder that steps take.
const (
	earlyFile = "early.cfg"
	grubFile  = "grub.cfg"
	bootFile  = "boot.cfg"
	envFile   = "grubenv"
)

// bootSteps are the programs that make what firmwares start in a file of zeroes, with what
// they take in a scratch folder.
func (p *Plan) bootSteps(disk, scratch string) []step {
	var steps []step
	for _, platform := range platforms {
		modules := append(slices.Clone(platform.modules), grubModules...)
		steps = append(steps, step{args: grubImageArgs(platform.name, modules, scratch, platform.file)})
	}
	return append(steps, p.espSteps(disk, scratch)...)
}

// The files in the scratch folder of which the root is made.
const (
	fillScript = "fill"
	listScript = "list"
)

// tableStep writes the partition table.
func (p *Plan) tableStep(disk string) step {
	return step{args: tableArgs(disk), stdin: tableScript(Table{UUID: p.UUID, Partitions: p.Partitions})}
}

// rootSteps make the first root of what is in a scratch folder. The other stays empty.
func (p *Plan) rootSteps(disk, scratch string) []step {
	f := rootfs.Format{
		File: disk, Offset: p.root().Start, Size: p.root().Size, Inodes: p.need.Inodes,
		UUID: identity(p.Image.Manifest, "file system"), Label: "root-" + slotNames[0],
	}
	var steps []step
	for _, args := range [][]string{f.MakeArgs(), f.ScriptArgs(fillScript), f.ScriptArgs(listScript), f.CheckArgs()} {
		steps = append(steps, step{args: args, env: rootfs.Env(p.Made), folder: scratch})
	}
	return steps
}

// formatStep makes another form of the disk.
func formatStep(disk, to string) step {
	return step{args: []string{"qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, to}}
}

// steps are all programs that make the disk.
func (p *Plan) steps(disk, scratch string) []step {
	steps := append([]step{p.tableStep(disk)}, p.bootSteps(disk, scratch)...)
	steps = append(steps, p.rootSteps(disk, scratch)...)
	if slices.Contains(p.Formats, QCOW2) {
		steps = append(steps, formatStep(disk, p.Name+QCOW2.extension()))
	}
	return steps
}

func grubImageArgs(platform string, modules []string, scratch, to string) []string {
	return append([]string{
		"grub-mkimage", "--format=" + platform, "--prefix=/slipway",
		"--config=" + filepath.Join(scratch, earlyFile), "--output=" + filepath.Join(scratch, to),
	}, modules...)
}

// espSteps make the ESP and fill it, each file by its own name: mcopy of a folder would
// take the order in which this machine lists it.
func (p *Plan) espSteps(disk, scratch string) []step {
	esp := p.Partitions[1]
	at := fmt.Sprintf("%s@@%d", disk, esp.Start)
	in := func(name string) string { return filepath.Join(scratch, name) }
	slot := "::/slipway/" + slotNames[0]
	kernels := []string{in("vmlinuz")}
	if p.Boot.Initrd != "" {
		kernels = append(kernels, in("initrd"))
	}
	commands := [][]string{
		{
			"mkfs.vfat", "--invariant", "-F", "32", "-s", strconv.Itoa(sectorsPerCluster(esp.Size)), "-n", "ESP", "-i", p.Volume,
			"-h", strconv.FormatInt(esp.Start/512, 10), "--offset=" + strconv.FormatInt(esp.Start/512, 10), disk, strconv.FormatInt(esp.Size/1024, 10),
		},
		{"mmd", "-i", at, "::/EFI", "::/EFI/BOOT", "::/slipway", slot},
		{"mcopy", "-i", at, in("BOOTX64.EFI"), "::/EFI/BOOT"},
		{"mcopy", "-i", at, in(grubFile), in(envFile), "::/slipway"},
		append(append([]string{"mcopy", "-i", at, in(bootFile)}, kernels...), slot),
	}
	var steps []step
	for _, args := range commands {
		steps = append(steps, step{args: args, env: mtoolsEnv(p.Made)})
	}
	return steps
}

// mtoolsEnv keeps the machine's time, and a person's configuration, out of the ESP.
func mtoolsEnv(made time.Time) []string {
	return []string{
		"SOURCE_DATE_EPOCH=" + strconv.FormatInt(made.Unix(), 10), "TZ=UTC0", "MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null",
	}
}

// sectorsPerCluster is as many as leave FAT32 the number of clusters that it must have.
func sectorsPerCluster(size int64) int {
	n := 1
	for size/512/int64(2*n) > 66500 && n < 64 {
		n *= 2
	}
	return n
}
