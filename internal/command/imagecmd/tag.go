package imagecmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
)

func imageTag(env cli.Env) *cobra.Command {
	var tree treeFlags
	c := &cobra.Command{
		Use: "tag NAME", Short: "Print the tag of an image, which names its content", Args: oneName,
		Long: `Print the tag of an image, which names its content.

It covers the path, kind, executable bit and bytes of the folder's tracked files as
they lie in the work tree, the tags of the images it stands on, build arguments,
and, of a Go program that is compiled in, the sources of every package of this
module, go.mod and go.sum. In NAME, "_" may stand for "/".`,
		Example: `  slipway image tag daisy-builder
  slipway image tag debian_bookworm`,
		RunE: func(c *cobra.Command, args []string) error {
			opened, err := tree.open(c.Context())
			if err != nil {
				return err
			}
			img, err := opened.Find(args[0])
			if err != nil {
				return misnamed(err)
			}
			tag, err := opened.Tag(img.Name)
			if err != nil {
				return err
			}
			fmt.Fprintln(env.Stdout, tag)
			return nil
		},
	}
	tree.add(c.Flags())
	return c
}
