package openqacmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/command/evidenceflags"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/openqa"
)

// runFlags are what a run is told.
type runFlags struct {
	server    server
	suite     string
	disk      string
	digest    string
	asset     string
	assetDir  string
	artifacts string
	id        string
	patience  openqa.Patience
	evidence  evidenceflags.Flags
	madeOf    []evidence.Subject // by the disk's record
	form      command.Form
}

func run(env cli.Env) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run --host URL --suite FILE --disk FILE", Short: "Run a suite on a disk, and wait for how it ends", Args: cli.NoArgs,
		Long: `Run a suite of an openQA's tests on a disk, follow its jobs through restarts, and
cancel them when the command is aborted. Only passed is a pass, and softfailed where
the suite allows it.

openQA gets the disk under the name slipway-SHA256: from --asset-dir, into which it
is copied; from --asset, where openQA fetches it; or it is there. Before anything is
said of the disk, its bytes are read back from openQA.

The same suite on the same disk under the same --id is one run: where an earlier
command was killed, its jobs are found and waited for. Screenshots, logs, openqa.json
and junit_openqa.xml go to --artifacts. Evidence is about the disk, and about the image
that its record names.`,
		Example: `  slipway openqa run --host https://openqa.example.com --client-conf client.conf --suite suite.yaml \
    --disk hello-os.qcow2 --asset-dir /var/lib/openqa/share/factory/hdd --artifacts out`,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), env) },
	}
	f.addFlags(c.Flags())
	return c
}

func (f *runFlags) addFlags(to *pflag.FlagSet) {
	f.server.addFlags(to)
	to.StringVar(&f.suite, "suite", "", "file that names the jobs and their settings")
	to.StringVar(&f.disk, "disk", "", "file of the disk, or "+publish.Forms+" of the image that it refers to in its registry")
	to.StringVar(&f.digest, "digest", "", "digest of the disk, sha256:HEX, instead of its file where openQA has it or fetches it")
	to.StringVar(&f.asset, "asset", "", "URL where openQA fetches the disk; its host must be in openQA's download_domains; "+hexOfDisk+" stands for its digest")
	to.StringVar(&f.assetDir, "asset-dir", "", "openQA's folder share/factory/hdd, where this machine has it: the disk is copied into it")
	to.StringVar(&f.artifacts, "artifacts", "", "folder for results (default: $ARTIFACTS; without either, none are written)")
	to.StringVar(&f.id, "id", "", "name of the run (default: $BUILD_ID); another one runs the same suite on the same disk again")
	to.DurationVar(&f.patience.Wait, "wait", 2*time.Hour, "how long all jobs may take")
	to.DurationVar(&f.patience.Unpicked, "unpicked", 15*time.Minute, "how long a job may wait for a worker")
	f.evidence.Add(to, "e2e")
	command.FormFlag(to, &f.form)
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// check refuses misuse before anything is asked of openQA.
func (f *runFlags) check() error {
	switch {
	case f.suite == "":
		return cli.Misuse("--suite is missing; name the file of the jobs")
	case f.disk == "" && f.digest == "":
		return cli.Misuse("--disk is missing; name the disk's file, or its --digest where openQA has it or fetches it")
	case f.digest != "" && !digestForm.MatchString(f.digest):
		return cli.Misuse("--digest %q is no digest; write sha256:HEX", f.digest)
	case f.asset != "" && f.assetDir != "":
		return cli.Misuse("--asset and --asset-dir exclude each other: openQA gets the disk one way")
	case f.assetDir != "" && f.disk == "":
		return cli.Misuse("--asset-dir needs --disk: there is nothing to copy")
	case f.patience.Wait <= 0 || f.patience.Unpicked <= 0:
		return cli.Misuse("--wait and --unpicked must be more than 0")
	}
	if err := f.checkAsset(); err != nil {
		return err
	}
	return f.evidence.Check()
}

func (f *runFlags) run(ctx context.Context, env cli.Env) error {
	if err := f.check(); err != nil {
		return err
	}
	job, err := jobenv.Read(env.Getenv)
	if err != nil {
		return err
	}
	if err := f.evidence.Merged(job); err != nil {
		return err
	}
	f.artifacts, f.id = cmp.Or(f.artifacts, job.Artifacts), cmp.Or(f.id, job.BuildID)
	data, err := os.ReadFile(f.suite)
	if err != nil {
		return cli.Misuse("read suite: %w", err)
	}
	suite, err := openqa.ParseSuite(data)
	if err != nil {
		return cli.Misuse("read suite %s: %w", f.suite, err)
	}
	client, err := f.server.open(env, true)
	if err != nil {
		return err
	}
	disk, remove, err := f.openDisk(ctx, env)
	if err != nil {
		return err
	}
	defer remove()
	plan, err := openqa.NewPlan(suite, disk, f.id)
	if err != nil {
		return err
	}
	report, err := client.Run(ctx, openqa.Order{
		Plan: plan, File: f.disk, Folder: f.assetDir, Artifacts: f.artifacts, Patience: f.patience,
	})
	return f.conclude(ctx, env, report, err)
}

// conclude writes what is known, files evidence if there is any, and says how it ended.
// failed is why the run says nothing of the disk, if it does not.
func (f *runFlags) conclude(ctx context.Context, env cli.Env, report *openqa.Report, failed error) error {
	if report == nil {
		return failed
	}
	if err := errors.Join(f.write(report), f.print(env.Stdout, report)); err != nil {
		return errors.Join(failed, err)
	}
	lines := report.Failures()
	switch {
	case failed != nil:
		return failed
	case report.Evidence():
		if err := f.evidence.File(ctx, env, f.result(report)); err != nil {
			return err
		}
	case f.evidence.Wanted():
		lines = append(lines, "no test ran to its end, so there is no evidence for or against the disk")
	}
	if report.Outcome == openqa.Failed {
		return fmt.Errorf("openQA's tests failed: %s", strings.Join(lines, "; "))
	}
	return nil
}

// result is the report as evidence says it.
func (f *runFlags) result(report *openqa.Report) evidence.Result {
	cases := report.Cases()
	return evidence.Result{
		Outcome: evidence.Outcome(report.Outcome), Finished: report.Ended,
		Subjects: append([]evidence.Subject{{Name: "disk", Digest: report.Disk}}, f.madeOf...),
		Passed:   cases[openqa.Passed], Warned: cases[openqa.Warned], Failed: cases[openqa.Failed],
	}
}

// write leaves the report and JUnit in the artifacts.
func (f *runFlags) write(report *openqa.Report) error {
	if f.artifacts == "" {
		return nil
	}
	var text, xml strings.Builder
	err := errors.Join(
		os.MkdirAll(f.artifacts, 0o755),
		command.Show(&text, "json", report, nil), junit.Write(&xml, report.JUnit()),
	)
	for name, data := range map[string]string{"openqa.json": text.String(), "junit_openqa.xml": xml.String()} {
		if err == nil {
			err = os.WriteFile(filepath.Join(f.artifacts, name), []byte(data), 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

func (f *runFlags) print(w io.Writer, report *openqa.Report) error {
	return command.Show(w, f.form, report, func(w io.Writer) {
		for _, job := range report.Jobs {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", job.Name, job.ID, job.Verdict, job.Link)
		}
	})
}
