package disk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/disk/source"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/scratch"
)

// bootcBuilder is the image of bootc-image-builder.
const bootcBuilder = "quay.io/centos-bootc/bootc-image-builder:latest"

// bootcPull is the command that brings the image into podman's storage, where the
// builder takes it from.
func bootcPull(image string) []string { return []string{"podman", "pull", "--quiet", image} }

// bootcArgs is the command by which podman runs bootc-image-builder, which needs loop
// devices and mounts, and so all privileges.
func bootcArgs(image, output string, formats []Format) []string {
	args := []string{
		"podman", "run", "--rm", "--privileged", "--pull=newer", "--security-opt=label=type:unconfined_t",
		"--volume=" + output + ":/output", "--volume=/var/lib/containers/storage:/var/lib/containers/storage",
		bootcBuilder,
	}
	for _, f := range formats {
		args = append(args, "--type="+string(f))
	}
	return append(args, "--rootfs=ext4", image)
}

// bootcFiles are where bootc-image-builder leaves what it made.
var bootcFiles = map[Format]string{QCOW2: "qcow2/disk.qcow2", Raw: "image/disk.raw"}

// BuildBootc makes the disk of a bootc image as bootc itself would install it. Its bytes
// are other ones each time.
func (b Builder) BuildBootc(ctx context.Context, reference string, o Options, folder string) (*Record, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	image, err := source.Open(ctx, reference, b.Say)
	if err != nil {
		return nil, err
	}
	name, ok := image.Pinned()
	if !ok {
		return nil, fmt.Errorf("make a disk of %s by bootc: it takes images of registries alone; push it, or use --builder slipway", reference)
	}
	for _, f := range o.Formats {
		if bootcFiles[f] == "" {
			return nil, fmt.Errorf("make a disk of %s by bootc: it makes no %s; use --builder slipway", reference, f)
		}
	}
	work, remove, err := scratch.Place{Parent: folder, Prefix: ".disk-"}.MakeGuarded(ctx)
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := b.runBootc(ctx, name, work, o); err != nil {
		return nil, fmt.Errorf("make a disk of %s by bootc-image-builder: %w", reference, err)
	}
	m := &making{Plan: &Plan{Name: o.Name}, work: work, folder: folder, say: b.Say}
	record := &Record{Image: Image{image.Reference, image.Digest, image.Manifest}, Builder: "bootc", Tools: map[string]string{"bootc-image-builder": bootcBuilder}}
	for _, f := range o.Formats {
		file, err := m.take(ctx, f)
		if err != nil {
			return nil, err
		}
		record.Files = append(record.Files, file)
	}
	table, err := ReadTable(ctx, filepath.Join(work, record.Files[0].Name))
	if err != nil {
		return nil, err
	}
	record.Size, record.UUID, record.Partitions = table.Size, table.UUID, table.Partitions
	return record, m.publish(record)
}

// runBootc runs the builder. What it says is told only if it fails.
func (b Builder) runBootc(ctx context.Context, image, work string, o Options) error {
	defer progress.Watch(tellEvery, "bootc-image-builder", b.Say)()
	output, err := filepath.Abs(work)
	if err != nil {
		return err
	}
	for _, args := range [][]string{bootcPull(image), bootcArgs(image, output, o.Formats)} {
		if err := exec.Run(ctx, exec.Cmd{Args: args, Grace: 10 * time.Second}); err != nil {
			return err
		}
	}
	return nil
}

// take gives what the builder made its name, and reads its digest.
func (m *making) take(ctx context.Context, f Format) (File, error) {
	file := File{Name: m.Name + f.extension(), Format: f}
	to := filepath.Join(m.work, file.Name)
	if err := os.Rename(filepath.Join(m.work, bootcFiles[f]), to); err != nil {
		return file, fmt.Errorf("find what bootc-image-builder made: %w", err)
	}
	info, err := os.Stat(to)
	if err != nil {
		return file, err
	}
	file.Size = info.Size()
	file.Digest, err = digest(ctx, to)
	return file, err
}
