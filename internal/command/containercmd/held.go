package containercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/container"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/pairing"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
)

// held is what a channel holds.
type held struct {
	channel  string // full name
	kind     channel.Kind
	location string
	digest   string
}

// resolve looks up what channels hold by their ledgers, once: whoever moves a channel
// meanwhile does not change what is tested.
func (t *tests) resolve(ctx context.Context, suite pairing.Suite) (inner, outer held, err error) {
	channels, err := channel.Load(t.pairing.config)
	if err != nil {
		return inner, outer, err
	}
	s, err := storeurl.Open(ctx, t.pairing.ledger)
	if err != nil {
		return inner, outer, err
	}
	if inner, err = holds(ctx, s, channels, suite.Container, channel.File, channel.Image); err != nil {
		return inner, outer, err
	}
	outer, err = holds(ctx, s, channels, suite.VM, channel.File)
	return inner, outer, err
}

func holds(ctx context.Context, s store.Store, channels *channel.Config, full string, kinds ...channel.Kind) (held, error) {
	a, ch, err := channels.Channel(full)
	if err != nil {
		return held{}, cli.Misuse("%w", err)
	}
	if !slices.Contains(kinds, a.Kind) {
		return held{}, cli.Misuse("%s is of kind %s; a suite's container is of kind image or file, and its vm of kind file", full, a.Kind)
	}
	line, err := ledger.Read(ctx, s, full)
	if err != nil {
		return held{}, err
	}
	digest, _ := line.Holds()
	if digest == "" {
		return held{}, fmt.Errorf("%s holds nothing yet; promote something into it first", full)
	}
	return held{full, a.Kind, a.At(ch.Name), digest}, nil
}

// root opens a root file system.
func (h held) root(ctx context.Context, roots container.Cache) (*container.Opened, error) {
	if h.kind == channel.Image {
		return roots.Open(ctx, h.location+"@"+h.digest)
	}
	return roots.Fetch(ctx, h.channel, h.digest, h.blob)
}

// machine opens the image of a virtual machine, in a folder for it.
func (h held) machine(ctx context.Context, folder string, say func(string)) (_ pairing.Image, err error) {
	defer progress.Watch(10*time.Second, "fetch "+h.channel, say)()
	file := filepath.Join(folder, "image")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return pairing.Image{}, err
	}
	if err := errors.Join(h.blob(ctx, f), f.Close()); err != nil {
		return pairing.Image{}, fmt.Errorf("fetch %s: %w", h.channel, err)
	}
	return pairing.OpenImage(ctx, file, folder)
}

// blob reads a file from the store of its artifact, verified.
func (h held) blob(ctx context.Context, to io.Writer) (err error) {
	s, err := storeurl.Open(ctx, h.location)
	if err != nil {
		return err
	}
	body, err := store.OpenBlob(ctx, s, strings.TrimPrefix(h.digest, "sha256:"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	_, err = io.Copy(to, body)
	return err
}
