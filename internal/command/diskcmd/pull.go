package diskcmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
)

// pullFlags are what pulling takes.
type pullFlags struct {
	to, formats, disk string
	wait, timeout     time.Duration
	form              command.Form
}

// Pull is `slipway disk pull`.
func Pull(env cli.Env) *cobra.Command {
	f := &pullFlags{}
	c := &cobra.Command{
		Use: "pull IMAGE", Short: "Bring the disks that were made of an image from its registry",
		Long: `Bring the disks that were made of an image from its registry.

IMAGE is ` + publish.Forms + `; a tag is resolved once and printed.
slipway disk build --push put the disks there, as artifacts that refer to the image. Their
bytes are verified, and appear in the folder whole, with the record NAME.disk.json of what
they were made of. A disk that is there already is not brought again.

With --wait the image and its disks need not be there yet, as in a job that starts beside
the one that makes them.`,
		Example: `  slipway disk pull registry.example.com/hello/hello-os:stable --to out
  slipway disk pull registry.example.com/hello/hello-os@sha256:HEX --to out --format raw --wait 1h`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args) },
	}
	to := c.Flags()
	to.StringVar(&f.to, "to", "", "folder for the disks and their records")
	to.StringVar(&f.formats, "format", "qcow2", "forms of the disk: qcow2, raw, bundle, with commas between")
	to.StringVar(&f.disk, "disk", "", "digest of the wanted disk, where the image has several of a form")
	to.DurationVar(&f.wait, "wait", 0, "wait this long for the image and its disks to be there")
	to.DurationVar(&f.timeout, "timeout", time.Hour, "how long it may take beside the wait")
	command.FormFlag(to, &f.form)
	return c
}

// check refuses misuse before anything is read.
func (f *pullFlags) check(args []string) (image publish.Reference, formats []disk.Format, err error) {
	switch {
	case len(args) != 1:
		return image, nil, cli.Misuse("name one image: %s", publish.Forms)
	case f.to == "":
		return image, nil, cli.Misuse("--to is missing; name the folder for the disks")
	case f.timeout <= 0 || f.wait < 0:
		return image, nil, cli.Misuse("--timeout must be more than 0, and --wait not less")
	}
	if image, err = publish.ParseReference(args[0]); err != nil {
		return image, nil, &cli.UsageError{Err: err}
	}
	if formats, err = disk.Formats(f.formats); err != nil {
		return image, nil, cli.Misuse("--format: %v", err)
	}
	return image, formats, nil
}

func (f *pullFlags) run(ctx context.Context, env cli.Env, args []string) error {
	image, formats, err := f.check(args)
	if err != nil {
		return err
	}
	limit := f.wait + f.timeout
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %s, --wait and --timeout together", limit))
	defer cancel()
	if err := os.MkdirAll(f.to, 0o755); err != nil {
		return fmt.Errorf("make the folder of the disks: %w; name another with --to", err)
	}
	say := func(message string) { fmt.Fprintln(env.Stderr, message) }
	pulled, err := publish.Puller{Wait: f.wait, Disk: f.disk, Say: say}.Pull(ctx, image, formats, f.to)
	if err != nil {
		return err
	}
	shown := pulledDisks{Image: pulled.Image.Digest, Files: pulled.Files}
	return command.Show(env.Stdout, f.form, shown, func(w io.Writer) { shown.show(w, f.to) })
}

// pulledDisks are what --output json prints.
type pulledDisks struct {
	Image string      `json:"image"` // digest
	Files []disk.File `json:"files"`
}

func (p pulledDisks) show(w io.Writer, folder string) {
	fmt.Fprintf(w, "image\t%s\n", p.Image)
	for _, f := range p.Files {
		fmt.Fprintf(w, "%s\t%s\n", filepath.Join(folder, f.Name), f.Digest)
	}
}

// awaitImage returns when an image that a disk is made of is in its registry.
func awaitImage(ctx context.Context, reference string, wait time.Duration, say func(string)) error {
	if wait == 0 {
		return nil
	}
	image, err := publish.ParseReference(reference)
	if err != nil {
		return cli.Misuse("--wait is for an image in a registry, %s", publish.Forms)
	}
	if _, err := (publish.Puller{Wait: wait, Say: say}).Resolve(ctx, image); err != nil {
		return fmt.Errorf("make a disk of %s: %w", image, err)
	}
	return nil
}
