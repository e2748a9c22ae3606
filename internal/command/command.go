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

	"slipway.dev/slipway/internal/cli"
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

// formatFlag adds --output text|json to a command whose result a script may read.
func formatFlag(flags *pflag.FlagSet, format *string) {
	flags.StringVarP(format, "output", "o", "text", "form of the result: text or json")
}

// show writes a result: as JSON, or with text.
func show(w io.Writer, format string, result any, text func(io.Writer)) error {
	switch format {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	case "text":
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		text(table)
		return table.Flush()
	}
	return cli.Misuse("--output is %q; it must be text or json", format)
}

// remote is the repository that a command works on.
type remote struct {
	url             string
	githubAPI       string
	githubTokenFile string
}

func (r *remote) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&r.url, "repo", "", "the repository: a URL or path that git can fetch")
	flags.StringVar(&r.githubAPI, "github-api", "", "claim and tag through GitHub's API at this base URL instead of by git (https://api.github.com; GitHub Enterprise: https://HOST/api/v3)")
	flags.StringVar(&r.githubTokenFile, "github-token-file", "", "file that holds the token for --github-api")
}

// refs opens the repository's refs. gitDir is a repository that holds the commits
// to be tagged, or empty if there is none yet.
func (r remote) refs(gitDir string, progress func(string)) (version.Refs, error) {
	if r.url == "" {
		return nil, cli.Misuse("--repo is missing; name the repository's URL or path")
	}
	if r.githubAPI == "" {
		return gitrefs.New(r.url, gitDir), nil
	}
	repository, err := release.ParseRepository(r.url)
	if err != nil {
		return nil, err
	}
	token, err := readToken(r.githubTokenFile)
	if err != nil {
		return nil, err
	}
	return githubrefs.New(githubrefs.Config{
		BaseURL: r.githubAPI, Token: token, Owner: repository.Org, Repo: repository.Name, Progress: progress,
	})
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

// scratch makes a folder that is removed when the command ends.
func scratch(cache string) (folder string, remove func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", nil, fmt.Errorf("make the cache folder: %w; name another with --cache", err)
	}
	folder, err = os.MkdirTemp(cache, "work-")
	if err != nil {
		return "", nil, fmt.Errorf("make a scratch folder: %w; name another place with --cache", err)
	}
	return folder, func() { _ = os.RemoveAll(folder) }, nil
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
	case commit != "":
		return commit, nil
	case ref == "":
		return "", cli.Misuse("--commit or --ref is missing; name what to build")
	}
	found, err := gitrefs.ResolveRef(ctx, r.url, ref)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(say, "%s of %s is commit %s\n", ref, r.url, found)
	return found, nil
}

// progress prints what is waited for, for people.
func progress(env cli.Env) func(string) {
	return func(message string) { fmt.Fprintln(env.Stderr, message) }
}
