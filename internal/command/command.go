// Package command makes Slipway's commands: those of people (slipway NOUN VERB)
// and the job binaries, which are the same commands reading Prow's environment.
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/checkout"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/githubrefs"
	"slipway.dev/slipway/internal/gitrefs"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/version"
)

// Slipway is the one command for people.
func Slipway(env cli.Env) *cobra.Command {
	root := cli.Group("slipway", "Build, test, sign and promote guest OS packages and images",
		versionGroup(env), packageGroup(env), releaseGroup(env))
	root.Long = `Slipway builds, tests, signs and promotes guest OS packages and images.

Every command says with --help what it does, with an example. Exit codes: 0 done,
1 failed, 2 misused.`
	return root
}

// Form is how a result is written: a flag that takes text or json, checked before
// anything is done.
type Form string

func (f *Form) String() string { return string(*f) }

// Type is what help shows for a value.
func (f *Form) Type() string { return "text|json" }

// Set takes what a person wrote.
func (f *Form) Set(value string) error {
	if value != "text" && value != "json" {
		return fmt.Errorf("it must be text or json")
	}
	*f = Form(value)
	return nil
}

// FormFlag adds --output text|json to a command whose result a script may read.
func FormFlag(flags *pflag.FlagSet, f *Form) {
	*f = "text"
	flags.VarP(f, "output", "o", "form of the result: text or json")
}

// Show writes a result: as JSON, or with text.
func Show(w io.Writer, f Form, result any, text func(io.Writer)) error {
	if f == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	text(table)
	return table.Flush()
}

// remote is the repository that a command works on.
type remote struct {
	url             string
	githubAPI       string
	githubTokenFile string
}

func (r *remote) addRepoFlag(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "repo", "", "the repository: a URL or path that git can fetch")
}

// addFlags adds what a command needs that reads or makes refs.
func (r *remote) addFlags(flags *pflag.FlagSet) {
	r.addRepoFlag(flags)
	flags.StringVar(&r.githubAPI, "github-api", "", "claim and tag through GitHub's API at this base URL instead of by git (https://api.github.com; GitHub Enterprise: https://HOST/api/v3)")
	flags.StringVar(&r.githubTokenFile, "github-token-file", "", "file that holds the token for --github-api")
}

// refs opens the repository's refs until close is called. gitDir is a repository
// that holds the commits to be tagged, or empty if there is none yet.
func (r remote) refs(gitDir string, progress func(string)) (refs version.Refs, closeRefs func(), err error) {
	if r.url == "" {
		return nil, nil, cli.Misuse("--repo is missing; name the repository's URL or path")
	}
	if r.githubAPI == "" {
		byGit := gitrefs.New(r.url, gitDir)
		return byGit, func() { _ = byGit.Close() }, nil
	}
	repository, err := release.ParseRepository(r.url)
	if err != nil {
		return nil, nil, err
	}
	token, err := readToken(r.githubTokenFile)
	if err != nil {
		return nil, nil, err
	}
	refs, err = githubrefs.New(githubrefs.Config{
		BaseURL: r.githubAPI, Token: token, Owner: repository.Org, Repo: repository.Name, Progress: progress,
	})
	return refs, func() {}, err
}

func readToken(path string) (string, error) {
	if path == "" {
		return "", cli.Misuse("--github-api needs --github-token-file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read GitHub's token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// cacheFolder is where roots, modules and scratch lie unless --cache says otherwise.
func cacheFolder() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "slipway")
}

// resolve returns a full commit hash: the one given, or what ref names now.
func (r remote) resolve(ctx context.Context, commit, ref string, say io.Writer) (string, error) {
	switch {
	case commit != "" && ref != "":
		return "", cli.Misuse("--commit and --ref exclude each other")
	case commit != "" && !checkout.IsFullHash(commit):
		return "", cli.Misuse("--commit %s is no full hash; name it whole, or use --ref", commit)
	case commit != "":
		return commit, nil
	case checkout.IsFullHash(ref):
		return "", cli.Misuse("--ref %s is a commit; name it with --commit", ref)
	case ref == "":
		return "", cli.Misuse("--commit or --ref is missing; name what to build")
	}
	found, err := gitrefs.ResolveRef(ctx, r.url, ref)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(say, "%s of %s is commit %s\n", ref, git.Shown(r.url), found)
	return found, nil
}

// progress prints what is waited for, for people.
func progress(env cli.Env) func(string) { return sayTo(env.Stderr) }

func sayTo(w io.Writer) func(string) {
	return func(message string) { fmt.Fprintln(w, message) }
}
