package imagecmd

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image"
)

func imageGraph(env cli.Env) *cobra.Command {
	var tree treeFlags
	format := graphForm("text")
	c := &cobra.Command{
		Use: "graph", Short: "Show which image stands on which", Args: cli.NoArgs,
		Long: `Show which image stands on which: a change of one changes the tags of all below it.

An image with several parents is shown below each of them.`,
		Example: `  slipway image graph
  slipway image graph --output dot | dot -Tsvg > images.svg`,
		RunE: func(c *cobra.Command, _ []string) error {
			opened, err := tree.open(c.Context())
			if err != nil {
				return err
			}
			images := opened.Images()
			if _, err := opened.Order(names(images)); err != nil {
				return err
			}
			return graphs[format](env.Stdout, images)
		},
	}
	tree.add(c.Flags())
	c.Flags().VarP(&format, "output", "o", "form of the result: text, dot or json")
	return c
}

// graphs are the forms of a graph.
var graphs = map[graphForm]func(io.Writer, []image.Image) error{"text": printText, "dot": printDot, "json": printJSON}

// graphForm is one of graphs, as a flag.
type graphForm string

func (f *graphForm) String() string { return string(*f) }
func (f *graphForm) Type() string   { return "text|dot|json" }
func (f *graphForm) Set(value string) error {
	if graphs[graphForm(value)] == nil {
		return fmt.Errorf("it must be text, dot or json")
	}
	*f = graphForm(value)
	return nil
}

func names(images []image.Image) []string {
	names := make([]string, len(images))
	for i, img := range images {
		names[i] = img.Name
	}
	return names
}

// printText begins with the images that stand on none of the tree.
func printText(w io.Writer, images []image.Image) error {
	var below func(depth int, here func(image.Image) bool)
	below = func(depth int, here func(image.Image) bool) {
		for _, img := range images {
			if here(img) {
				fmt.Fprintf(w, "%s%s\n", strings.Repeat("  ", depth), img.Name)
				below(depth+1, func(child image.Image) bool { return slices.Contains(child.Parents, img.Name) })
			}
		}
	}
	below(0, func(img image.Image) bool { return len(img.Parents) == 0 })
	return nil
}

// printDot writes the graph for Graphviz: boxes are images of the tree, the others
// are pinned ones.
func printDot(w io.Writer, images []image.Image) error {
	fmt.Fprintln(w, "digraph images {\n\trankdir=LR;\n\tnode [shape=box];")
	for _, img := range images {
		fmt.Fprintf(w, "\t%s;\n", quoteDot(img.Name))
		for _, parent := range img.Parents {
			fmt.Fprintf(w, "\t%s -> %s;\n", quoteDot(parent), quoteDot(img.Name))
		}
		for _, other := range img.External {
			fmt.Fprintf(w, "\t%s [shape=ellipse];\n\t%s -> %s;\n", quoteDot(other), quoteDot(other), quoteDot(img.Name))
		}
	}
	_, err := fmt.Fprintln(w, "}")
	return err
}

func quoteDot(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

func printJSON(w io.Writer, images []image.Image) error {
	type node struct {
		Name     string   `json:"name"`
		Parents  []string `json:"parents"`
		External []string `json:"external"`
	}
	nodes := make([]node, len(images))
	for i, img := range images {
		nodes[i] = node{img.Name, orEmpty(img.Parents), orEmpty(img.External)}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(nodes)
}
