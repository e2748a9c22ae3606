package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	daisybuilder "slipway.dev/slipway/daisy-builder"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store/storeurl"
	"slipway.dev/slipway/internal/version"
)

func releaseGroup(env cli.Env) *cobra.Command {
	return cli.Group("release", "Releases: make one of a commit, list them, show one, download its artifacts",
		releaseCreate(env, "create"), releaseList(env), releaseShow(env), releaseDigest(env), releaseDownload(env))
}

// shelf is where a repository's releases are kept.
type shelf struct {
	store string
	url   string
}

func (s *shelf) addStoreFlag(flags *pflag.FlagSet) {
	flags.StringVar(&s.store, "store", "", "where releases are kept: a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX")
}

func (s *shelf) addFlags(flags *pflag.FlagSet) {
	s.addStoreFlag(flags)
	flags.StringVar(&s.url, "repo", "", "the repository's URL or path, of which the last two elements count")
}

// records opens the repository's records in the store.
func (s shelf) records(ctx context.Context) (release.Records, error) {
	if s.store == "" {
		return release.Records{}, cli.Misuse("--store is missing; name a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX")
	}
	if s.url == "" {
		return release.Records{}, cli.Misuse("--repo is missing; name the repository's URL or path")
	}
	repository, err := release.ParseRepository(s.url)
	if err != nil {
		return release.Records{}, err
	}
	opened, err := storeurl.Open(ctx, s.store)
	if err != nil {
		return release.Records{}, err
	}
	return release.Records{Store: opened, Repository: repository}, nil
}

// find reads the release of a version.
func (s shelf) find(ctx context.Context, text string) (release.Records, release.Release, error) {
	if text == "" {
		return release.Records{}, release.Release{}, cli.Misuse("--version is missing; `slipway release list` shows them")
	}
	v, err := version.Parse(text)
	if err != nil {
		return release.Records{}, release.Release{}, cli.Misuse("--version: %w", err)
	}
	records, err := s.records(ctx)
	if err != nil {
		return records, release.Release{}, err
	}
	rel, ok, err := records.Release(ctx, v)
	if err == nil && !ok {
		err = fmt.Errorf("%s has no release %s of %s; `slipway release list` shows what there is", s.store, v, records.Repository)
	}
	return records, rel, err
}

func releaseList(env cli.Env) *cobra.Command {
	var (
		at     shelf
		format Form
	)
	c := &cobra.Command{
		Use: "list", Short: "List a repository's complete releases, oldest first", Args: cli.NoArgs,
		Example: "  slipway release list --store gs://BUCKET --repo https://github.com/ORG/NAME",
		RunE: func(c *cobra.Command, _ []string) error {
			records, err := at.records(c.Context())
			if err != nil {
				return err
			}
			versions, err := records.Versions(c.Context())
			if err != nil {
				return err
			}
			return Show(env.Stdout, format, versions, func(w io.Writer) {
				for _, v := range versions {
					fmt.Fprintln(w, v)
				}
			})
		},
	}
	at.addFlags(c.Flags())
	FormFlag(c.Flags(), &format)
	return c
}

func releaseShow(env cli.Env) *cobra.Command {
	var (
		at     shelf
		wanted string
		format Form
	)
	c := &cobra.Command{
		Use: "show", Short: "Show a release: its commit and its artifacts with sizes and digests", Args: cli.NoArgs,
		Example: "  slipway release show --store out/store --repo https://github.com/ORG/NAME --version 20261121.00",
		RunE: func(c *cobra.Command, _ []string) error {
			_, rel, err := at.find(c.Context(), wanted)
			if err != nil {
				return err
			}
			return Show(env.Stdout, format, rel, func(w io.Writer) { printRelease(w, rel) })
		},
	}
	at.addFlags(c.Flags())
	c.Flags().StringVar(&wanted, "version", "", "the release's version")
	FormFlag(c.Flags(), &format)
	return c
}

func printRelease(w io.Writer, rel release.Release) {
	fmt.Fprintf(w, "version\t%s\nrepository\t%s\ncommit\t%s\nclaimed\t%s\n\n",
		rel.Version, rel.Repository.URL, rel.Commit, rel.Claimed.Format(time.RFC3339))
	fmt.Fprintln(w, "TARGET\tKIND\tSIZE\tNAME\tDIGEST")
	for _, t := range rel.Targets {
		for _, a := range t.Artifacts {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", t.Name, a.Kind, a.Size, a.Name, a.Digest)
		}
	}
	for _, t := range rel.Targets {
		for _, note := range t.Notes {
			fmt.Fprintf(w, "%s\tnote: %s\n", t.Name, note)
		}
	}
}

func releaseDigest(env cli.Env) *cobra.Command {
	var (
		at     shelf
		wanted string
	)
	c := &cobra.Command{
		Use: "digest", Short: "Print the digest by which channels name a release", Args: cli.NoArgs,
		Long: `Print the digest by which channels name a release.

It is that of the release's document, which names every artifact by digest. The
document is put beside the artifacts as a blob if it is not there yet, so that
slipway promotion finds it.`,
		Example: `  slipway promotion apply hello-guest/staging@$(slipway release digest \
    --store gs://BUCKET --repo https://github.com/ORG/NAME --version 20261121.00) --store gs://BUCKET --confirm`,
		RunE: func(c *cobra.Command, _ []string) error {
			records, rel, err := at.find(c.Context(), wanted)
			if err != nil {
				return err
			}
			digest, err := records.PutDocument(c.Context(), rel.Version)
			if err == nil {
				fmt.Fprintln(env.Stdout, digest)
			}
			return err
		},
	}
	at.addFlags(c.Flags())
	c.Flags().StringVar(&wanted, "version", "", "the release's version")
	return c
}

func releaseDownload(env cli.Env) *cobra.Command {
	var (
		at             shelf
		wanted, folder string
	)
	c := &cobra.Command{
		Use: "download", Short: "Download a release's artifacts, each checked against its digest", Args: cli.NoArgs,
		Example: "  slipway release download --store gs://BUCKET --repo https://github.com/ORG/NAME --version 20261121.00 --output out",
		RunE: func(c *cobra.Command, _ []string) error {
			if folder == "" {
				return cli.Misuse("--output is missing; name a folder")
			}
			records, rel, err := at.find(c.Context(), wanted)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return fmt.Errorf("make the output folder: %w", err)
			}
			for _, a := range rel.Artifacts() {
				if err := release.Download(c.Context(), records.Store, a, folder); err != nil {
					return err
				}
				fmt.Fprintln(env.Stdout, a.Name)
			}
			return nil
		},
	}
	at.addFlags(c.Flags())
	c.Flags().StringVar(&wanted, "version", "", "the release's version")
	c.Flags().StringVar(&folder, "output", "", "folder to download into")
	return c
}

// outcome is what release create did, for scripts.
type outcome struct {
	release.Release
	Already bool `json:"already"` // released before; nothing changed
}

func printOutcome(env cli.Env, format Form, did daisybuilder.Outcome) error {
	return Show(env.Stdout, format, outcome{did.Release, did.Already}, func(w io.Writer) {
		if did.Already {
			fmt.Fprintf(w, "commit %s is released already as %s; nothing changed (--rebuild releases it anew)\n\n", did.Release.Commit, did.Release.Version)
		}
		printRelease(w, did.Release)
	})
}
