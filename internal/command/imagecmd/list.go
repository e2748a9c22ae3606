package imagecmd

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/image"
)

// listed is an image as a script reads it.
type listed struct {
	Name          string   `json:"name"`
	Tag           string   `json:"tag"` // empty if it has none, which is an error
	Architectures []string `json:"architectures"`
	Parents       []string `json:"parents"`
}

func imageList(env cli.Env) *cobra.Command {
	var (
		tree   treeFlags
		format command.Form
	)
	c := &cobra.Command{
		Use: "list", Short: "List the images with their tags, architectures and parents", Args: cli.NoArgs,
		Long: `List the images with their tags, architectures and parents.

A folder with a tracked Dockerfile is an image, and its path is its name. An image
that has no tag, such as one of a cyclic FROM, is listed with "-" and told of.`,
		Example: `  slipway image list
  slipway image list --images container_images --canonical registry.example/images --output json`,
		RunE: func(c *cobra.Command, _ []string) error {
			opened, err := tree.open(c.Context())
			if err != nil {
				return err
			}
			images, untagged := list(opened)
			err = command.Show(env.Stdout, format, images, func(w io.Writer) { printList(w, images) })
			return errors.Join(err, untagged)
		},
	}
	tree.add(c.Flags())
	command.FormFlag(c.Flags(), &format)
	return c
}

func list(tree *image.Tree) ([]listed, error) {
	images := []listed{}
	var errs []error
	for _, img := range tree.Images() {
		tag, err := tree.Tag(img.Name)
		if err != nil {
			errs = append(errs, err)
		}
		images = append(images, listed{img.Name, tag, orEmpty(img.Architectures), orEmpty(img.Parents)})
	}
	return images, errors.Join(errs...)
}

// orEmpty is a list that JSON shows as [] rather than null.
func orEmpty(list []string) []string { return append([]string{}, list...) }

func printList(w io.Writer, images []listed) {
	for _, img := range images {
		tag := img.Tag
		if tag == "" {
			tag = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", img.Name, tag, strings.Join(img.Architectures, ","), strings.Join(img.Parents, " "))
	}
}
