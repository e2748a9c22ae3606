// Package diskcmd makes the commands about disks: slipway disk, and the job binary
// disk-builder.
//
// The job binary is slipway disk build: a disk is made the same way by hand, in a pod and
// in a pull request's job, except that the last publishes nothing.
package diskcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/disk/source"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/store/storeurl"
)

// Group is `slipway disk`.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("disk", "Make bootable disks of OS images, and look at them", Build(env), Pull(env), Show(env))
}

const help = `Make a bootable disk of an OS image.

The image needs a kernel and an init in it, as a bootc image has: the newest
/usr/lib/modules/VERSION/vmlinuz, else /boot/vmlinuz-VERSION, with its initrd, and
/sbin/init or systemd. IMAGE is ` + source.Forms + `;
a tag is resolved once and printed. The disk has a GPT and boots under BIOS and UEFI
by GRUB; its console is the first serial port and the screen. A bundle is a tar of
kernel, initrd and root for guests that are booted without firmware.

It is made in files alone, by any user: no loop device, no mount. Equal images give
equal bytes, by the same versions of the tools. NAME.disk.json beside the disks says
what they were made of. Layers are kept in the cache, the last used 20 GiB of them.

--slots 2 adds a second root, empty, into which a guest can upgrade and from which it
can roll back; see docs/disk.md.`

// flags are what building takes.
type flags struct {
	to, name, formats, size string
	arguments               []string
	slots                   int
	cache                   string
	timeout, wait           time.Duration
	push, bucket, builder   string
	dryRun                  bool
	form                    command.Form
}

// Build is `slipway disk build`.
func Build(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "build IMAGE", Short: "Make a bootable disk of an OS image", Long: help,
		Example: `  slipway disk build registry.example.com/hello/hello-os:stable --to out
  slipway disk build oci:out/hello-os --to out --format qcow2,raw --size 4G --karg quiet`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args) },
	}
	f.add(c.Flags())
	return c
}

// DiskBuilder is the job binary.
func DiskBuilder(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "disk-builder IMAGE", Short: "Make a bootable disk of an OS image",
		Long:    help + "\n\nThe record goes into $ARTIFACTS too. A job of a pull request publishes nothing.",
		Example: "  disk-builder registry.example.com/hello/hello-os@sha256:HEX --to /work --bucket gs://hello-disks-staging",
		RunE: func(c *cobra.Command, args []string) error {
			job, err := jobenv.Read(env.Getenv)
			if err != nil {
				return err
			}
			if job.BeforeMerge() && (f.push != "" || f.bucket != "") {
				return cli.Misuse("a %s job publishes nothing, since its code is not merged; leave out --push and --bucket", job.Type)
			}
			if err := f.run(c.Context(), env, args); err != nil || job.Artifacts == "" || f.dryRun {
				return err
			}
			return f.keepRecord(job.Artifacts)
		},
	}
	f.add(c.Flags())
	return c
}

func (f *flags) add(to *pflag.FlagSet) {
	to.StringVar(&f.to, "to", "", "folder for the disks and their record")
	to.StringVar(&f.name, "name", "", "what the files are called (default: the last part of the image's name)")
	to.StringVar(&f.formats, "format", "qcow2", "forms of the disk: qcow2, raw, bundle, with commas between")
	to.StringVar(&f.size, "size", "", "size of the disk, as in 4G or 900M (default: what the image needs, with room to grow)")
	to.StringArrayVar(&f.arguments, "karg", nil, "a kernel argument, after those of the image's /usr/lib/bootc/kargs.d; may be given more than once")
	to.IntVar(&f.slots, "slots", 1, "roots: 1, or 2 for upgrades that can be rolled back")
	to.StringVar(&f.cache, "cache", "", "folder for layers that are kept between runs (default: slipway in the user's cache folder)")
	to.DurationVar(&f.timeout, "timeout", time.Hour, "how long it may take, beside --wait")
	to.DurationVar(&f.wait, "wait", 0, "wait this long for the image to be in its registry")
	to.StringVar(&f.push, "push", "", "push the disks to this repository, HOST/PATH, which has the image, as artifacts that refer to it")
	to.StringVar(&f.bucket, "bucket", "", "put the disks, by their digests, into "+storeurl.Forms)
	to.StringVar(&f.builder, "builder", "slipway", "what makes the disk: slipway, or bootc for bootc-image-builder in podman, as root")
	to.BoolVar(&f.dryRun, "dry-run", false, "show what would be made, and how; the image is read for it")
	command.FormFlag(to, &f.form)
}

// options checks the flags, and reads them.
func (f *flags) options(args []string) (o disk.Options, err error) {
	switch {
	case len(args) != 1:
		return o, cli.Misuse("name one image: %s", source.Forms)
	case f.to == "" && !f.dryRun:
		return o, cli.Misuse("--to is missing; name the folder for the disks")
	case f.timeout <= 0:
		return o, cli.Misuse("--timeout must be more than 0")
	case f.builder != "slipway" && f.builder != "bootc":
		return o, cli.Misuse("--builder %q is unknown; it is slipway or bootc", f.builder)
	case f.builder == "bootc" && (f.dryRun || f.slots != 1 || len(f.arguments) > 0 || f.size != ""):
		return o, cli.Misuse("--builder bootc decides the layout and the kernel's arguments itself; leave out --dry-run, --slots, --karg and --size")
	}
	if f.name == "" {
		f.name = nameOf(args[0])
	}
	o = disk.Options{Name: f.name, Slots: f.slots, Arguments: f.arguments}
	if o.Formats, err = disk.Formats(f.formats); err == nil {
		o.Size, err = parseSize(f.size)
	}
	if err == nil {
		err = o.Check()
	}
	if err != nil {
		return o, cli.Misuse("%w", err)
	}
	if f.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		f.cache = filepath.Join(dir, "slipway", "disk")
	}
	return o, nil
}

// nameOf is the last part of an image's name, without tag and digest.
func nameOf(image string) string {
	image, _, _ = strings.Cut(strings.TrimPrefix(image, "oci:"), "@")
	base := path.Base(image)
	if strings.HasPrefix(image, "/") || !strings.Contains(base, ":") {
		return base
	}
	base, _, _ = strings.Cut(base, ":")
	return base
}

var sizeForm = regexp.MustCompile(`^([1-9][0-9]{0,6})([MGT])$`)

// parseSize reads a size in units of 1024; nothing is 0.
func parseSize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("--size %q is no size; write it as in 4G or 900M", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	return n << (20 + 10*strings.Index("MGT", m[2])), err
}

func (f *flags) run(ctx context.Context, env cli.Env, args []string) error {
	o, err := f.options(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.wait+f.timeout, fmt.Errorf("not done within --timeout %s", f.timeout))
	defer cancel()
	say := func(message string) { fmt.Fprintln(env.Stderr, message) }
	if err := awaitImage(ctx, args[0], f.wait, say); err != nil {
		return err
	}
	b := disk.Builder{Cache: f.cache, Say: say}
	if f.dryRun {
		plan, err := b.Plan(ctx, args[0], o)
		if err != nil {
			return err
		}
		return command.Show(env.Stdout, f.form, plan, func(w io.Writer) { showPlan(w, plan) })
	}
	if err := os.MkdirAll(f.to, 0o755); err != nil {
		return fmt.Errorf("make the folder of the disks: %w; name another with --to", err)
	}
	build := b.Build
	if f.builder == "bootc" {
		build = b.BuildBootc
	}
	record, err := build(ctx, args[0], o, f.to)
	if err != nil {
		return err
	}
	made := result{Record: record}
	if err := f.publish(ctx, &made, say); err != nil {
		return err
	}
	return command.Show(env.Stdout, f.form, made, func(w io.Writer) { made.show(w, f.to) })
}

// result is what was made, and where it went.
type result struct {
	*disk.Record
	Pushed []publish.Pushed `json:"pushed,omitempty"`
	Stored []publish.Stored `json:"stored,omitempty"`
}

// publish sends the disks where they are wanted; one place's failure does not keep them
// from the other.
func (f *flags) publish(ctx context.Context, made *result, say func(string)) error {
	var errs []error
	if f.push != "" {
		pushed, err := publish.Registry{Repository: f.push, Say: say}.Push(ctx, made.Record, f.to)
		made.Pushed, errs = pushed, append(errs, err)
	}
	if f.bucket != "" {
		s, err := storeurl.Open(ctx, f.bucket)
		if err == nil {
			made.Stored, err = publish.Store(ctx, s, made.Record, f.to)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// keepRecord copies the record to where Prow keeps a job's artifacts.
func (f *flags) keepRecord(folder string) error {
	name := f.name + disk.RecordEnding
	data, err := os.ReadFile(filepath.Join(f.to, name))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), data, 0o644)
}
