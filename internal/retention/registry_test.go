package retention

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/testkit/registry"
)

// pushed is a real repository that a test fills.
type pushed struct {
	t  *testing.T
	at name.Repository
}

// image pushes an image, without its digest's own tag if there are none.
func (p pushed) image(tags ...string) v1.Image {
	p.t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(img, tags)
	return img
}

func (p pushed) write(what remote.Taggable, tags []string) {
	p.t.Helper()
	for _, tag := range tags {
		var err error
		switch what := what.(type) {
		case v1.Image:
			err = remote.Write(p.at.Tag(tag), what)
		case v1.ImageIndex:
			err = remote.WriteIndex(p.at.Tag(tag), what)
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// index pushes an index of two new images.
func (p pushed) index(tags ...string) (v1.ImageIndex, [2]v1.Image) {
	p.t.Helper()
	var children [2]v1.Image
	index := v1.ImageIndex(empty.Index)
	for i := range children {
		child, err := random.Image(64, 1)
		if err != nil {
			p.t.Fatal(err)
		}
		children[i] = child
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: child})
	}
	p.write(index, tags)
	return index, children
}

type digester interface{ Digest() (v1.Hash, error) }

func digestIn(t *testing.T, what digester) string {
	t.Helper()
	digest, err := what.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// Over real registries: what goes does, with its tags, children and referrers, and all
// else can still be pulled whole.
func TestRealRegistries(t *testing.T) {
	t.Parallel()
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			at, err := name.NewRepository(registry.Start(t, kind).Host + "/hello/os")
			if err != nil {
				t.Fatal(err)
			}
			p := pushed{t, at}
			stays, goes := p.fill()
			w := newWorld(t, commits)
			w.apply.Config.Artifacts[0].Location = at.Name()
			client := NewClient(oci.Config{})
			w.apply.Registry, w.apply.Deleter = client, client
			if _, err := w.apply.Look(t.Context(), at.Name()); err != nil {
				t.Fatal(err)
			}
			w.pass(60 * day)
			for i := range 2 {
				stays[digestIn(t, p.image(sha(50+i)))] = true
			}
			out := w.carryOut(w.plan())
			if out.Deleted < len(goes) || len(out.Aside)+len(out.Kept) > 0 { // fallback tags go too
				t.Errorf("%d were deleted, want %d: %+v", out.Deleted, len(goes), out)
			}
			wantThere(t, client, at.Name(), stays, goes)
			for i := 1; i < 6; i++ {
				if _, err := client.Resolve(t.Context(), at.Name(), sha(i)); !errors.Is(err, ErrAbsent) {
					t.Errorf("tag %s: got %v, want ErrAbsent", sha(i), err)
				}
			}
			if left := w.plan(); len(left.Delete) > 0 {
				t.Errorf("a second plan deletes %+v", left.Delete)
			}
		})
	}
}

// fill pushes six signed indexes, of which the first has a tag that keeps it.
func (p pushed) fill() (stays, goes map[string]bool) {
	p.t.Helper()
	stays, goes = map[string]bool{}, map[string]bool{}
	for i := range 6 {
		index, children := p.index(sha(i))
		into := goes
		if i == 0 {
			p.write(index, []string{"nightly"})
			into = stays
		}
		for _, what := range []digester{index, children[0], children[1]} {
			into[digestIn(p.t, what)] = true
		}
		into[p.attach(index)], into[p.attach(children[1])] = true, true
	}
	return stays, goes
}

func (p pushed) attach(to digester) string {
	p.t.Helper()
	digest, err := oci.New(oci.Config{}).Attach(p.t.Context(), p.at.Name(), digestIn(p.t, to),
		oci.Attachment{Type: "application/vnd.example", LayerType: "text/plain", Layer: []byte("signed")})
	if err != nil {
		p.t.Fatal(err)
	}
	return digest
}

func wantThere(t *testing.T, r Registry, repository string, stay, goes map[string]bool) {
	t.Helper()
	there := func(digest string) bool {
		_, _, err := r.Manifest(context.Background(), repository, digest)
		return err == nil
	}
	for digest := range stay {
		if !there(digest) {
			t.Errorf("%s is gone", digest)
		}
	}
	for digest := range goes {
		if there(digest) {
			t.Errorf("%s is still there", digest)
		}
	}
}
