package retention

import (
	"context"
	"fmt"
	"strings"
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
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			server := registry.Start(t, kind)
			at, err := name.NewRepository(server.Host + "/hello/os")
			if err != nil {
				t.Fatal(err)
			}
			p := pushed{t, at}
			client := oci.New(oci.Config{})
			attach := func(to digester) string {
				t.Helper()
				digest, err := client.Attach(t.Context(), at.Name(), digestIn(t, to), oci.Attachment{Type: "application/vnd.example", LayerType: "text/plain", Layer: []byte("signed")})
				if err != nil {
					t.Fatal(err)
				}
				return digest
			}
			stay, go_ := map[string]bool{}, map[string]bool{}
			for i := range 6 {
				index, children := p.index(sha(i))
				into := go_
				if i == 0 {
					p.write(index, []string{"nightly"})
					into = stay
				}
				for _, what := range []digester{index, children[0], children[1]} {
					into[digestIn(t, what)] = true
				}
				into[attach(index)] = true
				into[attach(children[1])] = true
			}
			w := newWorld(t, commits)
			w.apply.Config.Artifacts[0].Location = at.Name()
			real := NewClient(oci.Config{})
			w.apply.Registry, w.apply.Deleter = real, real
			if _, err := w.apply.Look(t.Context(), at.Name()); err != nil {
				t.Fatal(err)
			}
			w.pass(60 * day)
			stay[digestIn(t, p.image(sha(50)))] = true
			stay[digestIn(t, p.image(sha(51)))] = true
			out := w.carryOut(w.plan())
			if want := len(go_); server.HasReferrers() && out.Deleted != want || len(out.Aside)+len(out.Kept) > 0 {
				t.Errorf("%d were deleted, want %d: %+v", out.Deleted, want, out)
			}
			wantThere(t, real, at.Name(), stay, go_)
			for tag, err := range real.Tags(t.Context(), at.Name()) {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := real.Resolve(t.Context(), at.Name(), tag); err == nil && strings.Contains(fmt.Sprint(sha(1), sha(2), sha(3), sha(4), sha(5)), tag) {
					t.Errorf("tag %s is still there", tag)
				}
			}
			if left := w.plan(); len(left.Delete) > 0 {
				t.Errorf("a second plan deletes %+v", left.Delete)
			}
		})
	}
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
