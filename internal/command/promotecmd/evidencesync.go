package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/oci"
)

func evidenceSync(env cli.Env) *cobra.Command {
	var (
		at         storeFlag
		repository string
		format     command.Form
	)
	c := &cobra.Command{
		Use: "sync DIGEST", Short: "Attach the store's evidence about an image to it in its registry, where it is missing",
		Long: `Attach the store's evidence about an image to it in its registry, where it is missing.

The registry's copy is for other people's tools, such as cosign; no gate reads it. It
can be made again at any time, and what is there already is left alone.`,
		Example: "  slipway evidence sync registry.example.com/hello@sha256:HEX --store gs://BUCKET",
		Args:    oneArgument("image"),
		RunE: func(c *cobra.Command, args []string) error {
			subject, err := parseArtifact(args[0], repository)
			if err != nil {
				return err
			}
			if subject.repository == "" {
				return cli.Misuse("there is no repository; write HOST/PATH@%s, or use --repository", subject.digest)
			}
			s, err := at.open(c.Context())
			if err != nil {
				return err
			}
			attached, err := evidence.Sync(c.Context(), s, newAttacher(env), subject.repository, subject.digest)
			shown := command.Show(env.Stdout, format, attached, func(w io.Writer) { printAttached(w, attached) })
			return errors.Join(shown, err)
		},
	}
	at.add(c.Flags())
	c.Flags().StringVar(&repository, "repository", "", "HOST/PATH of the image, if the argument does not say it")
	command.FormFlag(c.Flags(), &format)
	return c
}

func printAttached(w io.Writer, attached []evidence.Attached) {
	for _, a := range attached {
		fmt.Fprintf(w, "%s\t%s\t%s\n", a.Test, a.Finished.Format("2006-01-02T15:04:05Z"), a.Referrer)
	}
}

// attacher lets evidence speak to a registry without knowing how.
type attacher struct{ client *oci.Client }

func newAttacher(env cli.Env) evidence.Attacher {
	return attacher{oci.New(oci.Config{Progress: func(line string) { fmt.Fprintln(env.Stderr, line) }})}
}

// Attach attaches a layer to a subject.
func (a attacher) Attach(ctx context.Context, repository, subject, artifactType string, annotations map[string]string, layerType string, layer []byte) (string, error) {
	return a.client.Attach(ctx, repository, subject, oci.Attachment{
		Type: artifactType, Annotations: annotations, LayerType: layerType, Layer: layer,
	})
}
