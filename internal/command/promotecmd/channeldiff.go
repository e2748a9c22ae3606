package promotecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/imagediff"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/signing/intoto"
)

// differing is one call of `channel diff`.
type differing struct {
	*world
	form       command.Form
	exitCode   bool
	noPackages bool
}

// end is one of two things that are compared.
type end struct {
	Artifact string     `json:"artifact"`
	Channel  string     `json:"channel,omitempty"` // in full; empty for a digest of an artifact
	Location string     `json:"location"`
	Digest   string     `json:"digest"`
	Version  string     `json:"version,omitempty"`
	Since    *time.Time `json:"since,omitempty"` // when the channel came to hold it

	kind channel.Kind
}

// difference is what is between them. Of the kinds, the one is set that both are of,
// unless they are the same.
type difference struct {
	Kind    channel.Kind     `json:"kind"`
	A       end              `json:"a"`
	B       end              `json:"b"`
	Same    bool             `json:"same"`
	Image   *imagediff.Diff  `json:"image,omitempty"`
	Release *releaseDiff     `json:"release,omitempty"`
	File    *imagediff.Sizes `json:"file,omitempty"`
}

func channelDiff(env cli.Env) *cobra.Command {
	d := &differing{world: newWorld(env)}
	c := &cobra.Command{
		Use: "diff A B", Short: "Say in what two channels, or two digests of an artifact, differ",
		Long: `Say in what two channels, or two digests of an artifact, differ.

A and B are each a channel, as in hello-os/stable, which means the digest that it holds
by its ledger; or a channel or an artifact with a digest, as in hello-os@sha256:...; and
one of the two may be a digest alone, of what the other names. They need be of one kind.

Of images it compares, for each platform, packages, configuration and layers. Packages
are those of dpkg and apk; an rpm database that differs is named and not read. Only
layers that can tell are read, and not the base that both share, unless a package was
changed by one of them alone. Of releases it compares artifacts and their packages,
and of files sizes.`,
		Example: `  slipway channel diff hello-os/stable hello-os/testing --store gs://BUCKET
  slipway channel diff hello-os/stable sha256:0123... --store gs://BUCKET --exit-code`,
		RunE: func(c *cobra.Command, args []string) error { return d.run(c.Context(), args) },
	}
	d.addFlags(c.Flags())
	command.FormFlag(c.Flags(), &d.form)
	c.Flags().BoolVar(&d.exitCode, "exit-code", false, "exit with 1 if they differ")
	c.Flags().BoolVar(&d.noPackages, "no-packages", false, "compare no packages, and so read no layers")
	return c
}

func (d *differing) run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return cli.Misuse("name two channels or digests, as in hello-os/stable hello-os/testing")
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	found, err := d.compare(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	err = command.Show(d.env.Stdout, d.form, found, func(out io.Writer) { printDifference(out, found) })
	if err == nil && d.exitCode && !found.Same {
		err = &cli.ExitError{Code: cli.ExitFailed, Err: errors.New("they differ")}
	}
	return err
}

func (d *differing) compare(ctx context.Context, first, second string) (difference, error) {
	a, err := d.end(ctx, first, second)
	if err != nil {
		return difference{}, err
	}
	b, err := d.end(ctx, second, first)
	if err != nil {
		return difference{}, err
	}
	if a.kind != b.kind {
		return difference{}, cli.Misuse("%s is of kind %s and %s of kind %s; name two of one kind", first, a.kind, second, b.kind)
	}
	found := difference{Kind: a.kind, A: a, B: b, Same: a.Digest == b.Digest}
	switch {
	case found.Same:
	case a.kind == channel.Image:
		found.Image, err = d.images(ctx, a, b)
	case a.kind == channel.Release:
		found.Release, err = compareReleases(ctx, a, b)
	default:
		found.File, err = compareFiles(ctx, a, b)
	}
	return found, err
}

// end finds out what an argument names; other is the other one.
func (d *differing) end(ctx context.Context, arg, other string) (end, error) {
	named, digest, _ := strings.Cut(arg, "@")
	if strings.HasPrefix(arg, "sha256:") {
		digest = arg
		named, _, _ = strings.Cut(other, "@")
	}
	if strings.HasPrefix(named, "sha256:") {
		return end{}, cli.Misuse("name what the digests are of, as in ARTIFACT@%s", digest)
	}
	if digest != "" || strings.HasSuffix(arg, "@") {
		if _, err := intoto.Hex(digest); err != nil {
			return end{}, cli.Misuse("%s: %w", arg, err)
		}
	}
	if a, ok := d.channels.Artifact(named); ok {
		if digest == "" {
			return end{}, cli.Misuse("%s is an artifact; name one of its channels, or a digest as in %s@sha256:...", named, named)
		}
		return end{Artifact: a.Name, Location: a.Location, Digest: digest, kind: a.Kind}, nil
	}
	a, ch, err := d.known(named)
	if err != nil {
		return end{}, err
	}
	e := end{Artifact: a.Name, Channel: named, Location: a.At(ch.Name), Digest: digest, kind: a.Kind}
	if digest != "" {
		return e, nil
	}
	return d.held(ctx, e)
}

// held is a channel's end as its ledger knows it.
func (d *differing) held(ctx context.Context, e end) (end, error) {
	line, err := ledger.Read(ctx, d.store, e.Channel)
	if err != nil {
		return end{}, err
	}
	stays := line.Stays()
	if len(stays) == 0 {
		return end{}, fmt.Errorf("%s holds nothing yet; name a digest instead", e.Channel)
	}
	last := stays[len(stays)-1]
	e.Digest, e.Version, e.Since = last.Done.Digest, last.Intent.Version, &last.Done.Time
	return e, nil
}

func (d *differing) images(ctx context.Context, a, b end) (*imagediff.Diff, error) {
	first, err := imagediff.Read(ctx, d.client(), a.Location, a.Digest)
	if err != nil {
		return nil, err
	}
	second, err := imagediff.Read(ctx, d.client(), b.Location, b.Digest)
	if err != nil {
		return nil, err
	}
	if !d.noPackages {
		if err := imagediff.ReadPackages(ctx, d.client(), &first, &second, d.say); err != nil {
			return nil, fmt.Errorf("%w; --no-packages compares the rest", err)
		}
	}
	diff := imagediff.Compare(first, second)
	return &diff, nil
}

func printDifference(w io.Writer, d difference) {
	fmt.Fprintf(w, "--- %s\n+++ %s\n", d.A, d.B)
	switch {
	case d.Same:
		fmt.Fprintf(w, "the same %s\n", d.Kind)
	case d.Image != nil:
		imagediff.Print(w, *d.Image)
	case d.Release != nil:
		d.Release.print(w)
	default:
		fmt.Fprintf(w, "size: %s\n", d.File)
	}
}

func (e end) String() string {
	name := e.Channel
	if name == "" {
		name = e.Artifact
	}
	text := name + "@" + e.Digest
	if e.Version != "" {
		text += " " + e.Version
	}
	if e.Since != nil {
		text += " since " + timeText(*e.Since)
	}
	return text
}
