// Package releasecmd makes the command that takes a commit's image into its entry
// channel: slipway image release, and the job binary os-image-builder.
//
// It is a package of its own because it moves a channel, for which it links stores,
// signatures and promotion: who only builds job images links none of them. It moves
// the channel as every promotion does, by digest, through the ledger and the gate; what
// it adds is the evidence that the gate of an entry channel asks for.
package releasecmd

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/store/storeurl"
)

// flags are what both commands take.
type flags struct {
	repo, branch, commit string
	images, image        string
	stage                string
	labels               map[string]string
	config, store, key   string
	log, who, cache      string
	timeout, testTimeout time.Duration
	form                 command.Form

	confirm bool
	job     jobenv.Job    // of the job binary; zero for people
	term    time.Duration // of promotion's lease; 0 is the usual one
}

const help = `Build a commit's image, test it, push it under the commit, and enter it into its channel.

The image is built from a clone of the commit, so that nothing else can get into it; a
checkout with changes that are not committed is refused. Its unit tests are the stage
"test" of its Dockerfile, which is built without network and credentials; lint is what
slipway image verify does, and the labels of --label. How both ended is signed and filed
as evidence, also when they failed: then the channel stays where it is, and the exit code
is 1. Then promotion moves the channel, through its gate and its ledger.

Which digest a commit has is written once into the store, and the tag named after the
commit never moves. Run again, it does what is left and repeats nothing; only tests that
failed are run again. If the channel holds the image of a later commit already, it
stays. ARTIFACT alone means its entry channel.`

// Release is `slipway image release`.
func Release(env cli.Env) *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use: "release ARTIFACT", Short: "Build, test and push a commit's image, and enter it into its channel",
		Long: help,
		Example: `  slipway image release hello-os --repo ../hello-os --store gs://BUCKET --key unit.key --log URL
  slipway image release hello-os --repo ../hello-os --commit main --store gs://BUCKET --key unit.key --log URL --confirm`,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), env, args) },
	}
	f.add(c.Flags())
	c.Flags().BoolVar(&f.confirm, "confirm", false, "act; without it the plan is shown")
	return c
}

// OSImageBuilder is the job binary. It acts at once: the merge has decided.
func OSImageBuilder(env cli.Env) *cobra.Command { return osImageBuilder(env, 0) }

func osImageBuilder(env cli.Env, term time.Duration) *cobra.Command {
	f := &flags{confirm: true, term: term}
	c := &cobra.Command{
		Use: "os-image-builder ARTIFACT", Short: "Build, test and push a merged commit's image, and enter it into its channel",
		Long:    help + "\n\nAs a postsubmit it takes the commit of $PULL_BASE_SHA, and leaves logs in $ARTIFACTS.",
		Example: "  os-image-builder hello-os/next --store /store --config config/channels.yaml --key /secrets/unit/key --log URL",
		RunE: func(c *cobra.Command, args []string) (err error) {
			if f.job, err = jobenv.Read(env.Getenv); err != nil {
				return err
			}
			if f.job.BeforeMerge() {
				return cli.Misuse("a %s job releases nothing, since its code is not merged; make it a postsubmit", f.job.Type)
			}
			f.commit, f.branch = cmp.Or(f.commit, f.job.BaseSHA), cmp.Or(f.branch, f.job.BaseRef)
			return f.run(c.Context(), env, args)
		},
	}
	f.add(c.Flags())
	return c
}

func (f *flags) add(to *pflag.FlagSet) {
	to.StringVar(&f.repo, "repo", ".", "the repository: a checkout, or a URL that git can fetch")
	to.StringVar(&f.commit, "commit", "", "the commit, or a branch or tag, resolved once and printed (default: what is checked out)")
	to.StringVar(&f.branch, "branch", "", "the branch that the commit must be merged into (default: main)")
	to.StringVar(&f.images, "images", "images", "the images' folder in the repository")
	to.StringVar(&f.image, "image", "", "the image there (default: the artifact's name)")
	to.StringVar(&f.stage, "test-stage", "test", "the stage of its Dockerfile that is its unit tests")
	to.StringToStringVar(&f.labels, "label", nil, "a label that the image must have, NAME=VALUE, for lint: containers.bootc=1 is a bootc image's")
	to.StringVar(&f.config, "config", "config/channels.yaml", "the channels' configuration")
	to.StringVar(&f.store, "store", "", "where evidence and ledgers are kept: "+storeurl.Forms)
	to.StringVar(&f.key, "key", "", "file of the private key that signs the evidence, whose password is in $"+passwordEnv+" if it has one")
	to.StringVar(&f.log, "log", "", "URL of the log, for the evidence")
	to.StringVar(&f.who, "who", "", "who is named in the ledger (default: the Prow job, or the user and machine)")
	to.StringVar(&f.cache, "cache", "", "folder for what is kept between runs (default: slipway in the user's cache folder)")
	to.DurationVar(&f.timeout, "timeout", time.Hour, "how long the image's build may take")
	to.DurationVar(&f.testTimeout, "test-timeout", 20*time.Minute, "how long the unit tests may take; longer is a failure")
	command.FormFlag(to, &f.form)
}

// check refuses misuse before anything is read.
func (f *flags) check(args []string) error {
	switch {
	case len(args) != 1:
		return cli.Misuse("name one artifact, as in hello-os; --config has them")
	case f.store == "":
		return cli.Misuse("--store is missing; name %s", storeurl.Forms)
	case f.key == "":
		return cli.Misuse("--key is missing; name the file of a private key (`slipway evidence keygen` makes one)")
	case f.log == "":
		return cli.Misuse("--log is missing; give the URL where people find what the tests did")
	case f.timeout <= 0 || f.testTimeout <= 0:
		return cli.Misuse("--timeout and --test-timeout must be more than 0")
	}
	if f.cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			dir = os.TempDir()
		}
		f.cache = filepath.Join(dir, "slipway")
	}
	f.branch = cmp.Or(f.branch, "main")
	return nil
}

func (f *flags) run(ctx context.Context, env cli.Env, args []string) error {
	if err := f.check(args); err != nil {
		return err
	}
	r, remove, err := open(ctx, env, f, args[0])
	if err != nil {
		return err
	}
	defer remove()
	return r.run(ctx)
}
