// Demo shows the main job on one machine: a merged commit of the example becomes
// versioned, checked, tagged packages. Everything that it makes lies below out/demo.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/imagecmd"
	"slipway.dev/slipway/prow/jobcmd"
)

// job is the postsubmit of jobs/example/hello-guest.yaml.
const job = "hello-guest-build"

func main() {
	cli.Main(func(env cli.Env) *cobra.Command {
		var out string
		c := &cobra.Command{
			Use: "demo", Short: "Release the example repository and install what came out", Args: cli.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return demo(c.Context(), env, out) },
		}
		c.Flags().StringVar(&out, "output", "out/demo", "folder for the repository, the store and the logs")
		return c
	})
}

func demo(ctx context.Context, env cli.Env, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	repo := repository{dir: filepath.Join(out, "example", "hello-guest.git")}
	title(env, "Merge a commit of examples/hello-guest")
	commit, err := repo.merge(ctx, filepath.Join("examples", "hello-guest"))
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s main is now %s\n", repo.dir, commit)

	title(env, "Run its postsubmit: slipway job run "+job)
	store, folder := filepath.Join(out, "store"), filepath.Join(out, "runs", commit[:12])
	if err := postsubmit(ctx, env, repo, commit, store, folder); err != nil {
		return err
	}
	return show(ctx, env, repo, commit, store, filepath.Join(out, "packages"))
}

func title(env cli.Env, text string) { fmt.Fprintf(env.Stdout, "\n== %s\n", text) }

// postsubmit runs the job as a maintainer would: the pod that Prow would make, under
// podman, on the repository itself. The images that it names are built first.
func postsubmit(ctx context.Context, env cli.Env, repo repository, commit, store, folder string) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	code := jobs(ctx, env, "job", "run", job,
		"--repo", repo.dir, "--in-place", "--base-ref", "main", "--base-sha", commit, "--output-dir", folder,
		"--volume", "store="+store, "--volume", "cache="+filepath.Join(cache, "slipway"),
		"--add-args", "--verify-reproducible")
	if code != cli.ExitDone {
		return fmt.Errorf("the postsubmit failed; what it left is in %s", folder)
	}
	return nil
}

// jobs calls the noun job, with the images of this checkout.
func jobs(ctx context.Context, env cli.Env, args ...string) int {
	env.Args = args
	root := cli.Group("slipway", "Prow jobs", jobcmd.Group(env, func(ctx context.Context, _ func(string)) (jobcmd.Images, error) {
		return imagecmd.OpenLocal(ctx, env)
	}))
	return cli.Run(ctx, env, root)
}

// show downloads the release, installs its deb and starts the program.
func show(ctx context.Context, env cli.Env, repo repository, commit, store, packages string) error {
	tag, err := repo.tagOf(ctx, commit)
	if err != nil {
		return err
	}
	folder := filepath.Join(packages, tag)
	title(env, "Download release "+tag+" and install its deb in a clean root")
	inside := cli.Env{
		Args:   []string{"release", "download", "--store", store, "--repo", repo.dir, "--version", tag, "--output", folder},
		Stdout: io.Discard, Stderr: env.Stderr, Getenv: os.Getenv,
	}
	if code := cli.Run(ctx, inside, command.Slipway(inside)); code != cli.ExitDone {
		return fmt.Errorf("the release cannot be downloaded")
	}
	if err := install(ctx, env, folder, tag); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "\nversion   %s\ntag       %s, an annotated tag of %s\nstore     %s\npackages  %s\n", tag, tag, commit, store, folder)
	return nil
}
