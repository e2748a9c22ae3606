package promotion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/filestore"
	"slipway.dev/slipway/internal/oci"
)

// place is where an edge's channel lies: it holds content by digest, and pointers.
type place interface {
	// look is the digest that a pointer has; empty if there is none.
	look(ctx context.Context, p pointer) (string, error)
	// confirm sees that a digest which a pointer is said to have is there.
	confirm(ctx context.Context, digest string) error
	// bring sees that the edge's content is here whole, with what refers to it.
	bring(ctx context.Context) error
	// parts are the digests that retention could delete from here: the content's own,
	// and an index's children.
	parts(ctx context.Context) ([]string, error)
	// point moves the pointer to the content.
	point(ctx context.Context, p pointer, by move) error
	// mayWrite finds out, without writing, whether pointers may be moved.
	mayWrite(ctx context.Context) error
}

// pointer is a name that has a digest: a channel's, or a version's.
type pointer struct {
	name      string
	isVersion bool
}

// channelPointer and versionPointer are those of an edge.
func (e Edge) channelPointer() pointer { return pointer{name: e.To} }
func (e Edge) versionPointer() pointer { return pointer{name: e.Version, isVersion: true} }

// move is what a pointer moves by.
type move struct {
	had    string // what look said
	plan   string // its hash
	record int    // sequence of the intent in the ledger
}

// place of an edge.
func (p *Promoter) place(ctx context.Context, e Edge) (place, error) {
	if e.Kind == channel.Image {
		return &imagePlace{promoter: p, edge: e}, nil
	}
	return p.filePlace(ctx, e)
}

// pointerName is what a pointer is called by people.
func pointerName(e Edge, p pointer) string {
	if e.Kind == channel.Image {
		return e.Location + ":" + p.name
	}
	return strings.TrimSuffix(e.Location, "/") + " " + channel.Full(e.Artifact, p.name)
}

// imagePlace is a repository of a registry; its pointers are tags.
type imagePlace struct {
	promoter *Promoter
	edge     Edge
	manifest *oci.Manifest
}

func (i *imagePlace) look(ctx context.Context, p pointer) (string, error) {
	digest, err := i.promoter.Registry.Resolve(ctx, i.edge.Location, p.name)
	if errors.Is(err, oci.ErrAbsent) {
		return "", nil
	}
	return digest, err
}

// confirm reads the manifest, unlike look, which believes what a header says: before anybody
// is told that a tag was moved from outside, the registry has to have what it moved to.
func (i *imagePlace) confirm(ctx context.Context, digest string) error {
	if digest == "" {
		return nil
	}
	_, err := i.promoter.Registry.Manifest(ctx, i.edge.Location, digest)
	if other := (*oci.MediaTypeError)(nil); errors.As(err, &other) {
		return nil
	}
	return err
}

// bring copies across registries and repositories. Within one repository there is
// nothing to copy, and the manifest that the store keeps spares reading it: the
// registry refuses a manifest whose parts it does not have.
func (i *imagePlace) bring(ctx context.Context) error {
	e := i.edge
	if e.Source != e.Location {
		if err := i.promoter.Registry.Copy(ctx, e.Source, e.Location, e.Digest); err != nil {
			return err
		}
	}
	_, err := i.content(ctx)
	return err
}

// content is the manifest, byte for byte.
func (i *imagePlace) content(ctx context.Context) (oci.Manifest, error) {
	if i.manifest != nil {
		return *i.manifest, nil
	}
	m, err := i.promoter.manifest(ctx, i.edge.Location, i.edge.Digest)
	if err != nil {
		return oci.Manifest{}, err
	}
	i.manifest = &m
	return m, nil
}

func (i *imagePlace) parts(ctx context.Context) ([]string, error) {
	m, err := i.content(ctx)
	if err != nil {
		return nil, err
	}
	children, err := m.Children()
	return append(children, m.Digest), err
}

func (i *imagePlace) point(ctx context.Context, p pointer, _ move) error {
	m, err := i.content(ctx)
	if err != nil {
		return err
	}
	return i.promoter.Registry.Tag(ctx, i.edge.Location, p.name, m)
}

func (i *imagePlace) mayWrite(ctx context.Context) error {
	return i.promoter.Registry.CheckPush(ctx, i.edge.Location)
}

// isRefused says whether a pointer was refused, so that nothing comes of it any more.
func isRefused(err error) bool {
	moved := (*filestore.MovedError)(nil)
	return oci.IsRefused(err) || errors.As(err, &moved) || errors.Is(err, fs.ErrPermission)
}

// movedError is a pointer that somebody moved past the ledger.
type movedError struct {
	pointer, have, want string
}

func (e *movedError) Error() string {
	return fmt.Sprintf("%s points to %s, but its ledger says %s: somebody moved it from outside; `slipway channel audit` shows it, and whoever may write there puts it back",
		e.pointer, orNothing(e.have), orNothing(e.want))
}

// takenError is a version that is another digest already.
type takenError struct{ pointer, have string }

func (e *takenError) Error() string {
	return fmt.Sprintf("%s is %s already, and a version never moves; take another version", e.pointer, e.have)
}

// isElsewhere says whether a pointer is where no promotion of this edge can go on from.
func isElsewhere(err error) bool {
	moved, taken := (*movedError)(nil), (*takenError)(nil)
	return errors.As(err, &moved) || errors.As(err, &taken)
}

func orNothing(digest string) string {
	if digest == "" {
		return "nothing"
	}
	return digest
}
