package imagecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
)

func imagePush(env cli.Env) *cobra.Command {
	e := engine{env: env}
	var changed bool
	c := &cobra.Command{
		Use: "push NAME...", Short: "Send images to the registry, for all their architectures, under tags that never change",
		Long: `Send images to the registry, for all their architectures, under tags that never change.

An image's tag in the registry is an OCI index over its architectures. It is created
after everything that it names, and a tag that is there is left alone: it names the
same content. Should the registry's image have another image ID than the one here,
a warning names both. Blobs that the registry has are not sent again.

Images that are not here are pulled or built first; with --arch only those of that
architecture are, and the others must be here. Printed is the index's digest, by
which jobs name the image, and the digest of each manifest that was sent.

--changed is for a postsubmit job: it sends the images whose tags the registry does
not have, which are those that a merge changed, and tells of these only.`,
		Example: `  slipway image push --remote registry.example/images daisy-builder
  SLIPWAY_IMAGE_REMOTE=registry.example/images image-builder push --changed`,
		RunE: func(c *cobra.Command, args []string) error {
			if changed && len(args) > 0 {
				return cli.Misuse("--changed finds the images itself; leave out %s or --changed", strings.Join(args, " "))
			}
			e.all = e.all || changed
			return e.push(c.Context(), args, changed)
		},
	}
	e.add(c.Flags())
	c.Flags().BoolVar(&changed, "changed", false, "all images whose tags the registry does not have")
	return c
}

func (e *engine) push(ctx context.Context, args []string, changed bool) error {
	if err := e.open(ctx); err != nil {
		return err
	}
	if e.to == nil {
		return cli.Misuse("there is nowhere to push to; name a registry with --remote or in $%s", RemoteVariable)
	}
	images, err := e.pick(args)
	if err != nil {
		return err
	}
	sent := make([]build.Sent, len(images))
	failed := build.Each(ctx, images, e.jobs, func(ctx context.Context, img image.Image) (err error) {
		at := slices.IndexFunc(images, func(other image.Image) bool { return other.Name == img.Name })
		sent[at], err = e.builder.Push(ctx, e.to, img.Name, e.buildable(img))
		return err
	})
	sent = slices.DeleteFunc(sent, func(s build.Sent) bool { return s.Digest == "" || changed && s.Already })
	for _, s := range sent {
		if s.Warning != "" {
			e.say("warning: " + s.Image + ": " + s.Warning)
		}
	}
	err = command.Show(e.env.Stdout, e.format, sent, func(w io.Writer) { printSent(w, sent) })
	return errors.Join(err, single(failed, len(images)))
}

// buildable are the architectures of an image that may be built for a push.
func (e *engine) buildable(img image.Image) []string {
	if e.arch == "" {
		return img.Architectures
	}
	return []string{e.arch}
}

func printSent(w io.Writer, sent []build.Sent) {
	for _, s := range sent {
		how := "pushed"
		if s.Already {
			how = "there already"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Digest, how)
		for _, arch := range slices.Sorted(maps.Keys(s.Manifests)) {
			fmt.Fprintf(w, "  %s\t%s\t\n", arch, s.Manifests[arch])
		}
	}
}
