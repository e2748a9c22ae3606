// Package configcmd makes the commands of the configuration: slipway config VERB, and
// the job binary config-check.
//
// They stand beside the other commands because they link Prow, whose loader is the
// judge of what a configuration means.
package configcmd

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/prow/configcheck"
)

// Group is the noun config with its verbs.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("config", "The configuration of Prow, jobs and channels: check it", checkCommand(env, "check"))
}

// Job is the job binary that checks a pull request to the configuration.
func Job(env cli.Env) *cobra.Command { return checkCommand(env, "config-check") }

// request is what a person asks for.
type request struct {
	checkout string
	folders  []string // ORG/NAME=FOLDER
	program  string
	noProw   bool
	rules    bool
	form     command.Form
}

func checkCommand(env cli.Env, name string) *cobra.Command {
	var r request
	c := &cobra.Command{
		Use: name, Short: "Hold config/ and jobs/ to Prow's rules and to ours", Args: cli.NoArgs,
		Long: `Load config/ and jobs/ of a checkout with Prow's own loader, strictly; run Prow's
checkconfig, strictly; and hold every job, gate and owner to the rules that --rules
lists. All findings are printed at once, each with its file, its job and its cure; the
exit code is 1 if there is any.

Prow's checkconfig is found by --prow-checkconfig or in PATH. Where it is not, it is
built once into the user's cache, which takes Go, the network and some minutes.

A job may run only if certain files of its repository change. Whether such files exist
is checked in this checkout, and in those of other repositories that --repo names.

If $ARTIFACTS is set, junit_config_check.xml is written into it, a case for each rule.`,
		Example: `  slipway config check
  slipway config check --repo example/hello-guest=../hello-guest
  slipway config check --no-prow --output json
  slipway config check --rules`,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.rules {
				return showRules(env, r.form)
			}
			return r.run(c.Context(), env)
		},
	}
	flags := c.Flags()
	flags.StringVar(&r.checkout, "checkout", "", "the configuration repository (default: the checkout around the working folder)")
	flags.StringArrayVar(&r.folders, "repo", nil, "checkout of another repository, ORG/NAME=FOLDER; may be repeated")
	flags.StringVar(&r.program, "prow-checkconfig", "", "Prow's program checkconfig (default: the one in PATH, or built into the user's cache)")
	flags.BoolVar(&r.noProw, "no-prow", false, "leave Prow's checkconfig out")
	flags.BoolVar(&r.rules, "rules", false, "list the rules, and why each is one")
	command.FormFlag(flags, &r.form)
	return c
}

// result is what a check shows.
type result struct {
	configcheck.Report
	Prow string `json:"prow"` // whether Prow's checkconfig was asked: its path, or ""
}

func (r request) run(ctx context.Context, env cli.Env) error {
	options, err := r.options()
	if err != nil {
		return err
	}
	var got result
	if got.Report, err = configcheck.Check(ctx, options); err != nil {
		return err
	}
	if !r.noProw {
		if err := r.askProw(ctx, env, options.Checkout, &got); err != nil {
			return err
		}
	}
	if got.Findings == nil {
		got.Findings = []configcheck.Finding{}
	}
	if err := r.show(env, got); err != nil {
		return err
	}
	if n := len(got.Findings); n > 0 {
		return fmt.Errorf("the configuration has %d %s", n, plural("finding", n))
	}
	return nil
}

// askProw adds what Prow's own program finds.
func (r request) askProw(ctx context.Context, env cli.Env, checkout string, got *result) (err error) {
	say := func(message string) { fmt.Fprintln(env.Stderr, message) }
	if got.Prow, err = checkconfig(ctx, r.program, say); err != nil {
		return err
	}
	findings, err := configcheck.ProwCheck(ctx, got.Prow, checkout)
	got.Findings = append(got.Findings, findings...)
	return err
}

func (r request) show(env cli.Env, got result) error {
	if folder := env.Getenv("ARTIFACTS"); folder != "" {
		if err := writeJUnit(folder, got.Findings); err != nil {
			return err
		}
	}
	return command.Show(env.Stdout, r.form, got, got.text)
}

func (r request) options() (configcheck.Options, error) {
	o := configcheck.Options{Checkout: r.checkout, Folders: map[string]string{}, Generated: generated}
	if o.Checkout == "" {
		found, err := image.FindCheckout(".")
		if err != nil {
			return o, cli.Misuse("%w; name the checkout with --checkout", err)
		}
		o.Checkout = found
	}
	for _, text := range r.folders {
		repository, folder, ok := strings.Cut(text, "=")
		if !ok || strings.Count(repository, "/") < 1 || folder == "" {
			return o, cli.Misuse("--repo %s is not ORG/NAME=FOLDER", text)
		}
		o.Folders[repository] = folder
	}
	var err error
	o.Checkout, err = filepath.Abs(o.Checkout)
	return o, err
}

func (r result) text(w io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintln(w, f)
	}
	for _, what := range r.Unseen {
		fmt.Fprintln(w, "not looked at:", what)
	}
	if r.Prow == "" {
		fmt.Fprintln(w, "not asked: Prow's checkconfig, by --no-prow")
	} else {
		fmt.Fprintln(w, "asked: Prow's checkconfig, strictly")
	}
	fmt.Fprintf(w, "%d %s, %d rules: %d %s\n", r.Jobs, plural("job", r.Jobs), r.Rules, len(r.Findings), plural("finding", len(r.Findings)))
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

func showRules(env cli.Env, form command.Form) error {
	list := configcheck.Rules()
	return command.Show(env.Stdout, form, list, func(w io.Writer) {
		fmt.Fprintln(w, "RULE\tWHY")
		for _, r := range list {
			fmt.Fprintf(w, "%s\t%s\n", r.Name, r.Why)
		}
	})
}
