// Package evidenceflags are the flags by which a tester files how its tests ended.
//
// Every tester ends by evidence, in the same words: where it is kept, who signs, where
// the log is, and what was tested. Without --store nothing is filed, so that a person can
// try a test anywhere; a job always gives it.
package evidenceflags

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/jobenv"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store/storeurl"
)

// passwordEnv is where the password of an encrypted key is.
const passwordEnv = "SLIPWAY_KEY_PASSWORD"

// Flags are the flags' values.
type Flags struct {
	store, key, log, test string
	subjects              []string
}

// Add adds the flags; test is what the evidence is called unless a flag says otherwise.
func (f *Flags) Add(to *pflag.FlagSet, test string) {
	to.StringVar(&f.store, "store", "", "file how it ended as evidence in: "+storeurl.Forms)
	to.StringVar(&f.key, "key", "", "file of the private key that signs the evidence, whose password is in $"+passwordEnv+" if it has one")
	to.StringVar(&f.log, "log", "", "URL of the log, for the evidence")
	to.StringVar(&f.test, "test", test, "what the evidence says was tested")
	to.StringArrayVar(&f.subjects, "subject", nil, "digest of what else the evidence is about, [NAME=]sha256:HEX, as the image that a disk was made of; may be given more than once")
}

// Wanted says whether evidence is to be filed.
func (f *Flags) Wanted() bool { return f.store != "" }

var subjectForm = regexp.MustCompile(`^(?:([^=]+)=)?(sha256:[0-9a-f]{64})$`)

// Check refuses misuse before anything is tested.
func (f *Flags) Check() error {
	for _, subject := range f.subjects {
		if !subjectForm.MatchString(subject) {
			return cli.Misuse("--subject %q names no digest; write sha256:HEX or NAME=sha256:HEX", subject)
		}
	}
	switch {
	case !f.Wanted() && (f.key != "" || f.log != ""):
		return cli.Misuse("--key and --log are for evidence; add --store, or leave them out")
	case !f.Wanted():
		return nil
	case f.key == "":
		return cli.Misuse("--key is missing; name the file of a private key (`slipway evidence keygen` makes one)")
	case f.log == "":
		return cli.Misuse("--log is missing; give the URL where people find what the tests did")
	}
	if err := evidence.CheckTest(f.test); err != nil {
		return cli.Misuse("--test: %v", err)
	}
	return nil
}

// Job reads what Prow tells a job binary: code that is not merged files no evidence, and
// results go into the job's artifacts unless a flag named another folder.
func (f *Flags) Job(env cli.Env, artifacts *string) error {
	job, err := jobenv.Read(env.Getenv)
	if err != nil {
		return err
	}
	if err := f.Merged(job); err != nil {
		return err
	}
	if *artifacts = cmp.Or(*artifacts, job.Artifacts); *artifacts == "" {
		return cli.Misuse("--artifacts is missing, and $ARTIFACTS is not set; name a folder for the results")
	}
	return nil
}

// Merged refuses evidence of code that is not merged.
func (f *Flags) Merged(job jobenv.Job) error {
	if job.BeforeMerge() && f.Wanted() {
		return cli.Misuse("a %s job files no evidence, since its code is not merged; leave --store out", job.Type)
	}
	return nil
}

// Subjects are the digests of --subject.
func (f *Flags) Subjects() []evidence.Subject {
	var subjects []evidence.Subject
	for _, text := range f.subjects {
		m := subjectForm.FindStringSubmatch(text)
		if m[1] == "" {
			m[1] = "image"
		}
		subjects = append(subjects, evidence.Subject{Name: m[1], Digest: m[2]})
	}
	return subjects
}

// File signs and files how a test ended. Of r the caller gives the outcome, the cases,
// the subjects that it tested itself, and perhaps when it ended; the rest is the flags'. It does
// nothing unless evidence is wanted.
func (f *Flags) File(ctx context.Context, env cli.Env, r evidence.Result) error {
	if !f.Wanted() {
		return nil
	}
	signer, err := signing.ReadPrivate(f.key, passwordEnv, env.Getenv)
	if err != nil {
		return err
	}
	s, err := storeurl.Open(ctx, f.store)
	if err != nil {
		return err
	}
	r.Test, r.Log = f.test, f.log
	if r.Finished.IsZero() {
		r.Finished = time.Now()
	}
	r.Finished = r.Finished.UTC().Truncate(time.Second)
	for _, subject := range f.Subjects() {
		if !slices.ContainsFunc(r.Subjects, func(s evidence.Subject) bool { return s.Digest == subject.Digest }) {
			r.Subjects = append(r.Subjects, subject)
		}
	}
	keys, err := evidence.Add(ctx, s, signer, r)
	if err != nil {
		return fmt.Errorf("file evidence of %s: %w", f.test, err)
	}
	env.Log().WithField("test", f.test).Infof("evidence: %s, %s", r.Outcome, strings.Join(keys, " "))
	return nil
}
