package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/evidence/importer"
	"slipway.dev/slipway/internal/signing"
)

// skew is how far the clock of whoever ran the test may be ahead of ours.
const skew = 5 * time.Minute

// adding is one call of `evidence add`.
type adding struct {
	env         cli.Env
	store       storeFlag
	report      reportFlags
	repository  string
	test        string
	result      string
	log         string
	disk        string
	finishedOn  string
	key         string
	passwordEnv string
	format      command.Form
}

// added is what was done, for scripts.
type added struct {
	evidence.Result
	Keys     []string `json:"keys"`               // in the store, one for each subject
	Referrer string   `json:"referrer,omitempty"` // digest of the copy in the registry
}

func evidenceAdd(env cli.Env) *cobra.Command {
	a := &adding{env: env}
	c := &cobra.Command{
		Use: "add DIGEST", Short: "Sign that a digest passed or failed a test, and keep it in the store",
		Long: `Sign that a digest passed or failed a test, and keep it in the store.

The result is --result, or what a test runner's report says; if both are given they
must agree. A report with no test in it, or one that was cut short, is no pass. A
failure is evidence too: a newer failure closes a gate that an older pass opened.

The statement is an in-toto test result in a Sigstore bundle, which cosign and others
read. DIGEST may be written HOST/PATH@sha256:HEX; then, or with --repository, the
bundle is also attached to the image there. --disk names a disk image that was made
of it and was tested with it: the evidence is about both.`,
		Example: `  slipway evidence add registry.example.com/hello@sha256:HEX --test boot --result pass \
    --log https://ci.example.com/logs/1 --key boot.key --store gs://BUCKET
  slipway evidence add sha256:HEX --test unit --junit junit.xml --log URL --key ci.key --store STORE`,
		Args: oneArgument("digest"),
		RunE: func(c *cobra.Command, args []string) error { return a.run(c.Context(), args[0]) },
	}
	flags := c.Flags()
	a.store.add(flags)
	a.report.add(flags)
	flags.StringVar(&a.test, "test", "", "name of the test, as gates name it")
	flags.StringVar(&a.result, "result", "", "how it ended: pass, fail or warn")
	flags.StringVar(&a.log, "log", "", "URL of the test's log")
	flags.StringVar(&a.disk, "disk", "", "digest of the disk image that was tested with it")
	flags.StringVar(&a.finishedOn, "finished-on", "", "when the test ended, as 2026-11-21T12:00:00Z (default: what the report says, or now)")
	flags.StringVar(&a.key, "key", "", "file of the private key that signs, in PEM")
	flags.StringVar(&a.passwordEnv, "password-env", passwordEnv, "environment variable with the password of an encrypted key")
	flags.StringVar(&a.repository, "repository", "", "HOST/PATH of the image, to attach the evidence there too")
	command.FormFlag(flags, &a.format)
	return c
}

func (a *adding) run(ctx context.Context, text string) error {
	subject, err := parseArtifact(text, a.repository)
	if err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	result, err := a.compose(subject)
	if err != nil {
		return err
	}
	signer, err := signing.ReadPrivate(a.key, a.passwordEnv, a.env.Getenv)
	if err != nil {
		return err
	}
	s, err := a.store.open(ctx)
	if err != nil {
		return err
	}
	done := added{Result: result}
	if done.Keys, err = evidence.Add(ctx, s, signer, result); err != nil {
		return err
	}
	if subject.repository != "" {
		entry, err := evidence.ParseKey(done.Keys[0])
		if err != nil {
			return err
		}
		if done.Referrer, err = entry.Attach(ctx, s, newAttacher(a.env), subject.repository); err != nil {
			return fmt.Errorf("%w; the store has the evidence, so `slipway evidence sync %s@%s` is enough", err, subject.repository, subject.digest)
		}
	}
	return command.Show(a.env.Stdout, a.format, done, func(w io.Writer) { printAdded(w, done) })
}

// check refuses misuse before anything is read.
func (a *adding) check() error {
	switch {
	case a.test == "":
		return cli.Misuse("--test is missing; name the test as gates name it")
	case evidence.CheckTest(a.test) != nil:
		return cli.Misuse("--test: %w", evidence.CheckTest(a.test))
	case a.log == "":
		return cli.Misuse("--log is missing; give the URL where people find what the test did")
	case a.key == "":
		return cli.Misuse("--key is missing; name the file of a private key (`slipway evidence keygen` makes one)")
	}
	return errors.Join(a.store.check(), a.report.check())
}

// compose makes the result of flags and report.
func (a *adding) compose(subject artifact) (evidence.Result, error) {
	report, reported, err := a.report.read()
	if err != nil {
		return evidence.Result{}, err
	}
	if !reported && a.result == "" {
		return evidence.Result{}, cli.Misuse("--result is missing; say pass, fail or warn, or name a report")
	}
	if a.result != "" {
		said, err := evidence.ParseOutcome(a.result)
		if err != nil {
			return evidence.Result{}, cli.Misuse("--result: %w", err)
		}
		if reported && said != report.Outcome {
			return evidence.Result{}, fmt.Errorf("--result says that %s %s, but the report says that it %s; nothing was signed", a.test, said, report.Outcome)
		}
		report.Outcome = said
	}
	finished, err := a.finished(report, time.Now())
	if err != nil {
		return evidence.Result{}, err
	}
	subjects, err := a.subjects(subject)
	return evidence.Result{
		Test: a.test, Outcome: report.Outcome, Finished: finished, Log: a.log, Subjects: subjects,
		Passed: report.Passed, Warned: report.Warned, Failed: report.Failed,
	}, err
}

func (a *adding) finished(report importer.Report, now time.Time) (time.Time, error) {
	finished := report.Finished
	if a.finishedOn != "" {
		said, err := time.Parse(time.RFC3339, a.finishedOn)
		if err != nil {
			return said, cli.Misuse("--finished-on %q is no time; write it as 2026-11-21T12:00:00Z", a.finishedOn)
		}
		if !finished.IsZero() && !said.Truncate(time.Second).Equal(finished) {
			return said, fmt.Errorf("--finished-on is not %s, when the report says that the test ended; leave it out", finished.Format(time.RFC3339))
		}
		finished = said
	}
	if finished.IsZero() {
		finished = now
	}
	if finished.After(now.Add(skew)) {
		return finished, fmt.Errorf("the test ended at %s, which is in the future; set the clocks of this machine and of the test's", finished.UTC().Format(time.RFC3339))
	}
	return finished.UTC().Truncate(time.Second), nil
}

func (a *adding) subjects(subject artifact) ([]evidence.Subject, error) {
	name := subject.repository
	if name == "" {
		name = "artifact"
	}
	subjects := []evidence.Subject{{Name: name, Digest: subject.digest}}
	if a.disk == "" {
		return subjects, nil
	}
	disk, err := parseArtifact(a.disk, "")
	if err != nil || disk.repository != "" || disk.digest == subject.digest {
		return nil, cli.Misuse("--disk %q is no digest of a disk; write sha256:HEX", a.disk)
	}
	return append(subjects, evidence.Subject{Name: "disk", Digest: disk.digest}), nil
}

func printAdded(w io.Writer, done added) {
	fmt.Fprintf(w, "%s %s at %s\n", done.Test, done.Outcome, done.Finished.Format(time.RFC3339))
	for i, key := range done.Keys {
		fmt.Fprintf(w, "%s\t%s\n", done.Subjects[i].Digest, key)
	}
	if done.Referrer != "" {
		fmt.Fprintf(w, "attached\t%s\n", done.Referrer)
	}
}
