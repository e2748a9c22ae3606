package imagecmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/image"
)

func imageVerify(env cli.Env) *cobra.Command {
	var (
		tree   treeFlags
		format command.Form
	)
	c := &cobra.Command{
		Use: "verify", Short: "Check that every image depends on named content only", Args: cli.NoArgs,
		Long: `Check that every image depends on named content only.

Whatever a FROM, COPY --from or RUN --mount=from names is scratch, a stage, an image
of this tree, or pinned by digest; no image stands on itself; every Dockerfile can be
read. Each finding says where it is and what to do. Nothing is built or fetched.`,
		Example: `  slipway image verify
  slipway image verify --output json`,
		RunE: func(c *cobra.Command, _ []string) error {
			opened, err := tree.open(c.Context())
			if err != nil {
				return err
			}
			findings := append([]image.Finding{}, opened.Verify()...)
			err = command.Show(env.Stdout, format, findings, func(w io.Writer) {
				for _, f := range findings {
					fmt.Fprintln(w, f)
				}
			})
			if err == nil && len(findings) > 0 {
				err = fmt.Errorf("images checked: %d, findings: %d", len(opened.Images()), len(findings))
			}
			return err
		},
	}
	tree.add(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}
