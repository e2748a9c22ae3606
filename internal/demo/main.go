// Demo shows the main job on one machine: a merged commit of the example becomes
// versioned, checked, tagged packages. Everything that it makes lies below out/demo.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
)

// targets are what the demo builds for.
const targets = "deb12,deb13,el9,goo"

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

	title(env, "Run its postsubmit: daisy-builder --targets "+targets)
	store, logs := filepath.Join(out, "store"), filepath.Join(out, "artifacts", commit[:12])
	if err := postsubmit(ctx, env, repo, commit, store, logs); err != nil {
		return err
	}
	return show(ctx, env, repo, commit, store, filepath.Join(out, "packages"))
}

func title(env cli.Env, text string) { fmt.Fprintf(env.Stdout, "\n== %s\n", text) }

// postsubmit runs the job binary as Prow would: with the job's environment.
func postsubmit(ctx context.Context, env cli.Env, repo repository, commit, store, artifacts string) error {
	spec, err := json.Marshal(map[string]any{
		"type": "postsubmit", "job": "hello-guest-build", "buildid": "1",
		"refs": map[string]any{"org": "example", "repo": "hello-guest", "base_ref": "main", "base_sha": commit, "clone_uri": "file://" + repo.dir},
	})
	if err != nil {
		return err
	}
	job := map[string]string{"JOB_SPEC": string(spec), "ARTIFACTS": artifacts}
	inside := cli.Env{
		Args:   []string{"--targets", targets, "--store", store, "--check", "--verify-reproducible"},
		Stdout: env.Stdout, Stderr: env.Stderr,
		Getenv: func(key string) string { return job[key] },
	}
	if code := cli.Run(ctx, inside, command.DaisyBuilder(inside)); code != cli.ExitDone {
		return fmt.Errorf("the postsubmit failed; its logs are in %s", artifacts)
	}
	return nil
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
