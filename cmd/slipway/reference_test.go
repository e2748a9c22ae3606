package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/checkcmd"
)

var update = flag.Bool("update", false, "write docs/reference.md again")

// TestReference checks that docs/reference.md says what the commands say.
func TestReference(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/home/you/.cache") // defaults name the cache folder
	env := cli.Env{Getenv: func(string) string { return "" }}
	var doc bytes.Buffer
	doc.WriteString("# Commands\n\nWritten from the commands themselves by `make docs`; a test checks that it is fresh.\n" +
		"Exit codes: 0 done, 1 failed, 2 misused.\n")
	for _, root := range []*cobra.Command{
		slipway(env),
		command.VersionTagger(env), command.Packagebuild(env), command.DaisyBuilder(env),
		checkcmd.GoCheck(env), checkcmd.GoTest(env), checkcmd.GoBuild(env), checkcmd.PyCheck(env),
	} {
		describe(t, &doc, root)
	}
	path := filepath.Join("..", "..", "docs", "reference.md")
	if *update {
		if err := os.WriteFile(path, doc.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(doc.String(), string(have)); diff != "" {
		t.Errorf("docs/reference.md is stale; run `make docs`: -commands +docs:\n%s", diff)
	}
}

// describe writes a command that does something, or those below it.
func describe(t *testing.T, w *bytes.Buffer, c *cobra.Command) {
	t.Helper()
	if c.HasSubCommands() {
		for _, sub := range c.Commands() {
			describe(t, w, sub)
		}
		return
	}
	if c.Example == "" {
		t.Errorf("%s has no example", c.CommandPath())
	}
	long := c.Long
	if long == "" {
		long = c.Short + "."
	}
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n```\n%s\n```\n\n| flag | meaning |\n|---|---|\n", c.CommandPath(), long, strings.TrimSpace(c.Example))
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Usage == "" {
			t.Errorf("%s --%s has no help", c.CommandPath(), f.Name)
		}
		fmt.Fprintf(w, "| `--%s` | %s |\n", f.Name, meaning(f))
	})
}

func meaning(f *pflag.Flag) string {
	text := strings.ReplaceAll(f.Usage, "|", "\\|")
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		text += " (default `" + f.DefValue + "`)"
	}
	return text
}
