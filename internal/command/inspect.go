package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/build"
)

func packageInspect(env cli.Env) *cobra.Command {
	var format Form
	c := &cobra.Command{
		Use: "inspect FILE...", Short: "Say what deb, rpm and goo files say of themselves, and check that they are whole",
		Example: "  slipway package inspect out/*.deb out/*.rpm out/*.goo",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Misuse("no file named; see `%s --help`", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, paths []string) error {
			var packages []packagebuild.Package
			for _, path := range paths {
				pkg, err := build.Inspect(path)
				if err != nil {
					return err
				}
				packages = append(packages, pkg)
			}
			return Show(env.Stdout, format, packages, func(w io.Writer) {
				for _, p := range packages {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d files\t%s\n", p.Name, p.Version, p.Arch, len(p.Files), p.Vcs)
				}
			})
		},
	}
	FormFlag(c.Flags(), &format)
	return c
}
