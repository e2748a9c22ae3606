package command

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/version"
)

func versionGroup(env cli.Env) *cobra.Command {
	return cli.Group("version", "Versions YYYYMMDD.NN of a repository: the next one, claims, and those that are tagged",
		versionNext(env), versionClaim(env), versionList(env))
}

type versionResult struct {
	Version version.Version `json:"version"`
	Commit  string          `json:"commit,omitempty"`
	Adopted bool            `json:"adopted,omitempty"`
	Ref     string          `json:"ref,omitempty"`
}

func versionNext(env cli.Env) *cobra.Command {
	var (
		repo   remote
		future bool
		format Form
	)
	c := &cobra.Command{
		Use: "next", Short: "Print the version that the next claim would get, and take nothing", Args: cli.NoArgs,
		Long: `Print the version that the next claim would get, and take nothing.

The day is today's by UTC; the number is one more than the highest that is
tagged or claimed. Somebody else may take it: a build claims first.`,
		Example: "  slipway version next --repo https://github.com/ORG/NAME",
		RunE: func(c *cobra.Command, _ []string) error {
			refs, closeRefs, err := repo.refs("", progress(env))
			if err != nil {
				return err
			}
			defer closeRefs()
			next, err := version.Peek(c.Context(), refs, version.ClaimRequest{Now: time.Now, FollowFuture: future})
			if err != nil {
				return err
			}
			return Show(env.Stdout, format, versionResult{Version: next}, func(w io.Writer) { fmt.Fprintln(w, next) })
		},
	}
	repo.addFlags(c.Flags())
	FormFlag(c.Flags(), &format)
	c.Flags().BoolVar(&future, "follow-future", false, followFutureHelp)
	return c
}

const followFutureHelp = "number after a tag that is dated after today instead of refusing"

func versionClaim(env cli.Env) *cobra.Command {
	var (
		repo        remote
		commit, ref string
		future      bool
		format      Form
	)
	c := &cobra.Command{
		Use: "claim", Short: "Claim the next version for a commit, before it is built", Args: cli.NoArgs,
		Long: `Claim the next version for a commit, before it is built.

The claim is a ref, refs/slipway/claims/VERSION, that is created atomically: two
claims never get one number. A commit that has a claim keeps it. The release of
the commit takes the claim over, and drops it when the tag stands; if the store
shows that the number was used before its tag was deleted, it takes another.`,
		Example: "  slipway version claim --repo https://github.com/ORG/NAME --commit 0123456789abcdef0123456789abcdef01234567",
		RunE: func(c *cobra.Command, _ []string) error {
			hash, err := repo.resolve(c.Context(), commit, ref, env.Stderr)
			if err != nil {
				return err
			}
			refs, closeRefs, err := repo.refs("", progress(env))
			if err != nil {
				return err
			}
			defer closeRefs()
			claimed, err := version.Claim(c.Context(), refs, version.ClaimRequest{
				Commit: hash, Now: time.Now, FollowFuture: future, Progress: progress(env),
			})
			if err != nil {
				return err
			}
			result := versionResult{claimed.Version, hash, claimed.Adopted, claimed.Ref.Name}
			return Show(env.Stdout, format, result, func(w io.Writer) { fmt.Fprintln(w, claimed.Version) })
		},
	}
	repo.addFlags(c.Flags())
	FormFlag(c.Flags(), &format)
	c.Flags().StringVar(&commit, "commit", "", "the commit's full hash")
	c.Flags().StringVar(&ref, "ref", "", "a branch or tag instead, resolved once and printed")
	c.Flags().BoolVar(&future, "follow-future", false, followFutureHelp)
	return c
}

func versionList(env cli.Env) *cobra.Command {
	var (
		repo   remote
		format Form
	)
	c := &cobra.Command{
		Use: "list", Short: "List the versions that are tagged, oldest first", Args: cli.NoArgs,
		Example: "  slipway version list --repo . --output json",
		RunE: func(c *cobra.Command, _ []string) error {
			refs, closeRefs, err := repo.refs("", progress(env))
			if err != nil {
				return err
			}
			defer closeRefs()
			tagged, err := version.List(c.Context(), refs)
			if err != nil {
				return err
			}
			results := make([]versionResult, len(tagged))
			for i, t := range tagged {
				results[i] = versionResult{Version: t.Version, Commit: t.Ref.Peeled, Ref: t.Ref.Name}
			}
			return Show(env.Stdout, format, results, func(w io.Writer) {
				for _, r := range results {
					fmt.Fprintf(w, "%s\t%s\n", r.Version, r.Commit)
				}
			})
		},
	}
	repo.addFlags(c.Flags())
	FormFlag(c.Flags(), &format)
	return c
}
