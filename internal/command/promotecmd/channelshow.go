package promotecmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/imagediff"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/release"
)

// portrait is all that is known of one channel.
type portrait struct {
	standing
	Kind    channel.Kind     `json:"kind"`
	Way     []step           `json:"way,omitempty"`    // how what it holds came there, oldest first
	Gate    []string         `json:"gate"`             // what it requires of what comes, in words
	Before  []stayed         `json:"before,omitempty"` // what else it held, newest first
	Barred  []bar            `json:"barred,omitempty"` // what may not come back
	Image   *imagediff.Image `json:"image,omitempty"`
	Release *release.Release `json:"release,omitempty"`
	Size    *int64           `json:"size,omitempty"` // of a file, in bytes

	Problems []string `json:"problems,omitempty"` // what could not be read, and why
}

// stayed is a digest that a channel held.
type stayed struct {
	Digest  string    `json:"digest"`
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
	Barred  bool      `json:"barred,omitempty"`
}

// bar is a digest that a rollback left.
type bar struct {
	Digest string    `json:"digest"`
	Since  time.Time `json:"since"`
	Who    string    `json:"who"`
	Why    string    `json:"why,omitempty"`
}

func channelShow(env cli.Env) *cobra.Command {
	w := newWorld(env)
	var form command.Form
	c := &cobra.Command{
		Use: "show CHANNEL", Short: "Show what a channel holds, and the whole way it came there", Args: oneArgument("channel"),
		Long: `Show what a channel holds, and the whole way it came there.

For each channel on the way: when, by whom, by which plan, and the evidence and the
approvals that its gate stood on, each verified again. Then what the gate requires of
what comes next, what the channel held before, and what is barred from it. What cannot
be read is said, the rest is shown, and the exit code is 1.`,
		Example: "  slipway channel show hello-os/stable --store gs://BUCKET",
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.load(c.Context()); err != nil {
				return err
			}
			found, err := w.show(c.Context(), args[0])
			if err != nil {
				return err
			}
			err = command.Show(env.Stdout, form, found, func(out io.Writer) { printShown(out, found) })
			if err == nil && len(found.Problems) > 0 {
				err = fmt.Errorf("%d of the things about %s could not be read", len(found.Problems), args[0])
			}
			return err
		},
	}
	w.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &form)
	return c
}

// show gathers what can be read. Its error is a channel that there is not, or ctx's end.
func (w *world) show(ctx context.Context, full string) (portrait, error) {
	a, ch, err := w.known(full)
	if err != nil {
		return portrait{}, err
	}
	line, err := ledger.Read(ctx, w.store, full)
	s := portrait{standing: stand(line, a, ch, nil), Kind: a.Kind, Gate: gateWords(ch)}
	if err != nil {
		s.problem(err)
		return s, context.Cause(ctx)
	}
	s.Before, s.Barred = before(line), bars(line)
	way, err := newWalk(w)
	if err != nil {
		return portrait{}, err
	}
	s.Way = way.steps(ctx, line, s.Digest)
	s.Problems = append(s.Problems, way.problems...)
	if s.Digest != "" {
		s.problem(w.content(ctx, &s))
	}
	return s, context.Cause(ctx)
}

func (s *portrait) problem(err error) {
	if err != nil {
		s.Problems = append(s.Problems, err.Error())
	}
}

// content asks where the digest lies what it is.
func (w *world) content(ctx context.Context, s *portrait) error {
	switch s.Kind {
	case channel.Image:
		image, err := imagediff.Read(ctx, w.client(), s.Location, s.Digest)
		if err == nil {
			s.Image = &image
		}
		return err
	case channel.Release:
		rel, err := readRelease(ctx, s.Location, s.Digest)
		if err == nil {
			s.Release = &rel
		}
		return err
	}
	size, err := fileSize(ctx, s.Location, s.Digest)
	if err == nil {
		s.Size = &size
	}
	return err
}

// before is what the channel held, each digest by its last stay, but for what it holds.
func before(line ledger.Line) []stayed {
	holds, _ := line.Holds()
	seen := map[string]bool{holds: true}
	var all []stayed
	stays := line.Stays()
	for i, stay := range slices.Backward(stays) {
		digest := stay.Done.Digest
		if seen[digest] {
			continue
		}
		seen[digest] = true
		_, barred := line.Barred(digest)
		all = append(all, stayed{digest, stay.Intent.Version, stay.Done.Time, stays[i+1].Done.Time, barred})
	}
	return all
}

// bars are the digests that are barred, in the order in which they were.
func bars(line ledger.Line) []bar {
	var all []bar
	seen := map[string]bool{}
	for _, stay := range line.Stays() {
		digest := stay.Intent.From
		if by, barred := line.Barred(digest); barred && !seen[digest] {
			seen[digest] = true
			all = append(all, bar{digest, by.Time, by.Who, by.Why})
		}
	}
	return all
}
