package diskcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/disk"
)

// Show is `slipway disk show`.
func Show(env cli.Env) *cobra.Command {
	var form command.Form
	c := &cobra.Command{
		Use: "show FILE", Short: "Show what is on a disk, and what it was made of",
		Long: `Show what is on a disk, and what it was made of.

The partition table is read from the disk, raw or qcow2. What it was made of is in the
record that slipway disk build left beside it; a disk that is not what the record says
is a failure. A disk of other people has no record.`,
		Example: "  slipway disk show out/hello-os.qcow2",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return cli.Misuse("name one disk: a raw or qcow2 file, or a bundle")
			}
			shown, err := look(c.Context(), args[0])
			if err != nil {
				return err
			}
			return command.Show(env.Stdout, form, shown, shown.show)
		},
	}
	command.FormFlag(c.Flags(), &form)
	return c
}

// shown is what is known of a disk.
type shown struct {
	File   *disk.File   `json:"file,omitempty"`
	Record *disk.Record `json:"record,omitempty"` // none if nothing lies beside it
	Table  *disk.Table  `json:"table,omitempty"`  // none in a bundle
}

func look(ctx context.Context, path string) (*shown, error) {
	s := &shown{}
	record, file, err := disk.Read(path)
	switch {
	case err == nil:
		s.Record, s.File = record, &file
		if err := file.Verify(path); err != nil {
			return nil, err
		}
	case !errors.Is(err, disk.ErrNoRecord):
		return nil, err
	}
	if filepath.Ext(path) == ".tar" && s.Record != nil {
		return s, nil
	}
	s.Table, err = disk.ReadTable(ctx, path)
	return s, err
}

func (s *shown) show(w io.Writer) {
	if s.Record != nil {
		fmt.Fprintf(w, "digest\t%s\n", s.File.Digest)
		fmt.Fprintf(w, "image\t%s\n", s.Record.Image.Digest)
		fmt.Fprintf(w, "kernel\t%s\n", s.Record.Boot.Version)
		fmt.Fprintf(w, "arguments\t%s\n", strings.Join(s.Record.Arguments, " "))
	}
	if s.Table != nil {
		fmt.Fprintf(w, "size\t%d MiB\n", s.Table.Size>>20)
		showPartitions(w, s.Table.Partitions)
	}
}

func showPartitions(w io.Writer, partitions []disk.Partition) {
	for _, p := range partitions {
		fmt.Fprintf(w, "partition %d\t%s, %d MiB, %s\n", p.Number, p.Name, p.Size>>20, p.UUID)
	}
}

func showPlan(w io.Writer, p *disk.Plan) {
	fmt.Fprintf(w, "image\t%s\n", p.Image.Digest)
	fmt.Fprintf(w, "kernel\t%s, %s\n", p.Boot.Version, p.Boot.Kernel)
	fmt.Fprintf(w, "arguments\t%s\n", strings.Join(p.Arguments, " "))
	fmt.Fprintf(w, "size\t%d MiB\n", p.Size>>20)
	showPartitions(w, p.Partitions)
	for _, warning := range p.Warnings {
		fmt.Fprintf(w, "warning\t%s\n", warning)
	}
	for _, command := range p.Commands {
		fmt.Fprintf(w, "command\t%s\n", strings.Join(command, " "))
	}
}

func (r result) show(w io.Writer, folder string) {
	fmt.Fprintf(w, "image\t%s\n", r.Image.Digest)
	for _, f := range r.Files {
		fmt.Fprintf(w, "%s\t%s\n", filepath.Join(folder, f.Name), f.Digest)
	}
	for _, p := range r.Pushed {
		fmt.Fprintf(w, "pushed\t%s\n", p.Artifact)
	}
	for _, s := range r.Stored {
		fmt.Fprintf(w, "stored\t%s\n", s.Disk)
	}
}
