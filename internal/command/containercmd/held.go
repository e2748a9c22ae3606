package containercmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/container"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
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
	if inner, err = holds(ctx, s, channels, suite.Container); err != nil {
		return inner, outer, err
	}
	outer, err = holds(ctx, s, channels, suite.VM)
	return inner, outer, err
}

func holds(ctx context.Context, s store.Store, channels *channel.Config, full string) (held, error) {
	a, ch, err := channels.Channel(full)
	if err != nil {
		return held{}, cli.Misuse("%w", err)
	}
	if a.Kind == channel.Release {
		return held{}, cli.Misuse("%s holds releases, of which nothing starts; a suite takes images and files", full)
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

// machine fetches the image of a virtual machine into a folder, and opens it. disk is the
// digest of what boots, if that is not the channel's.
func (h held) machine(ctx context.Context, folder string, say func(string)) (_ pairing.Image, disk string, err error) {
	defer progress.Watch(10*time.Second, "fetch "+h.channel, say)()
	file := filepath.Join(folder, "image")
	if h.kind == channel.Image {
		file, disk, err = h.pull(ctx, folder, say)
	} else {
		err = h.download(ctx, file)
	}
	if err != nil {
		return pairing.Image{}, "", fmt.Errorf("fetch %s: %w", h.channel, err)
	}
	image, err := pairing.OpenImage(ctx, file, folder)
	return image, disk, err
}

// pull fetches the disk that was pushed beside an image, in the form that boots fastest.
func (h held) pull(ctx context.Context, folder string, say func(string)) (file, digest string, err error) {
	image := publish.Reference{Repository: h.location, Digest: h.digest}
	for _, format := range []disk.Format{disk.Bundle, disk.QCOW2, disk.Raw} {
		pulled, err := publish.Puller{Say: say}.Pull(ctx, image, []disk.Format{format}, folder)
		switch {
		case errors.Is(err, oci.ErrAbsent):
		case err != nil:
			return "", "", err
		default:
			return filepath.Join(folder, pulled.Files[0].Name), pulled.Files[0].Digest, nil
		}
	}
	return "", "", fmt.Errorf("no disk lies beside %s; push one by slipway disk build --push", image)
}

func (h held) download(ctx context.Context, file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(h.blob(ctx, f), f.Close())
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
