package releasecmd

import (
	"context"
	"errors"
	"fmt"
	"io"

	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/promotion"
)

// Result is what a release did, or, as a plan, what it finds.
type Result struct {
	Artifact string          `json:"artifact"`
	Commit   string          `json:"commit"`
	Name     string          `json:"name"`             // HOST/PATH:COMMIT
	ID       string          `json:"id,omitempty"`     // podman's, of the image that was built
	Digest   string          `json:"digest,omitempty"` // of the index
	Pushed   bool            `json:"pushed"`           // the tag was there before
	Tests    []*Test         `json:"tests"`
	Channel  string          `json:"channel"`
	State    promotion.State `json:"state,omitempty"` // moved, current or held, or newer: it holds a later commit's
	Holds    string          `json:"holds,omitempty"` // what the channel held before
}

func (r *releasing) run(ctx context.Context) error {
	promotion.LimitMemory()
	r.done = Result{Artifact: r.artifact.Name, Commit: r.source.commit, Name: r.name(), Channel: r.channel()}
	digest, err := r.look(ctx)
	if err != nil {
		return err
	}
	r.done.Digest = digest
	if r.done.Tests, err = r.known(ctx, digest); err != nil {
		return err
	}
	if !r.confirm {
		return r.foretell(ctx)
	}
	err = r.release(ctx)
	return errors.Join(r.show(printDone), err)
}

// release does what is left: each step begins with what the one before wrote down.
func (r *releasing) release(ctx context.Context) (err error) {
	tests := r.done.Tests
	if r.done.Digest == "" || !r.done.Pushed || !areDone(tests) {
		if err := r.build(ctx); err != nil {
			return err
		}
	}
	if !areDone(tests) {
		if err := r.test(ctx, tests); err != nil {
			return err
		}
	}
	if r.done.Digest, err = r.push(ctx, r.done.Digest); err != nil {
		return err
	}
	if err := r.file(ctx, r.done.Digest, tests); err != nil {
		return err
	}
	if err := failed(tests); err != nil {
		return err
	}
	return r.enter(ctx, r.done.Digest)
}

// foretell shows what a release would do.
func (r *releasing) foretell(ctx context.Context) error {
	line, err := ledger.Read(ctx, r.store, r.channel())
	if err != nil {
		return err
	}
	r.done.Holds, _ = line.Holds()
	if err := r.show(printPlan); err != nil {
		return err
	}
	r.say("nothing was changed; the same with --confirm does it")
	return nil
}

func (r *releasing) show(text func(io.Writer, Result)) error {
	return command.Show(r.env.Stdout, r.form, r.done, func(w io.Writer) { text(w, r.done) })
}

func printPlan(w io.Writer, d Result) {
	fmt.Fprintf(w, "%s\tcommit %s\n", d.Artifact, d.Commit)
	if d.Pushed {
		fmt.Fprintf(w, "pushed before\t%s@%s\n", d.Name, d.Digest)
	} else {
		fmt.Fprintf(w, "would build and push\t%s\n", d.Name)
	}
	for _, t := range d.Tests {
		if t.Before {
			fmt.Fprintf(w, "test %s\t%s before\n", t.Name, t.Outcome)
		} else {
			fmt.Fprintf(w, "would test\t%s\n", t.Name)
		}
	}
	switch d.Holds {
	case "":
		fmt.Fprintf(w, "would move\t%s, which holds nothing\n", d.Channel)
	case d.Digest:
		fmt.Fprintf(w, "holds it\t%s\n", d.Channel)
	default:
		fmt.Fprintf(w, "would move\t%s from %s, unless that is of a later commit\n", d.Channel, d.Holds)
	}
}

func printDone(w io.Writer, d Result) {
	fmt.Fprintf(w, "%s\t%s\n", d.Name, d.Digest)
	for _, t := range d.Tests {
		fmt.Fprintf(w, "test %s\t%s\n", t.Name, t.Outcome)
	}
	fmt.Fprintf(w, "%s\t%s\n", d.Channel, d.State)
}
