package retention

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/testkit/registry"
)

// pruned is a real repository that retention deleted six things from.
type pruned struct {
	pushed
	*world
	client *Client
	proxy  *registry.Proxy
	before map[string]string
	goes   map[string]bool
	lost   v1.Layer // of a child of the index with the tag sha(100)
}

// prune fills a registry, and deletes from it what may go.
func prune(t *testing.T, kind registry.Kind) *pruned {
	t.Helper()
	proxy := registry.NewProxy(t, registry.Start(t, kind).Host)
	at, err := name.NewRepository(proxy.Host + "/hello/os")
	if err != nil {
		t.Fatal(err)
	}
	p := &pruned{pushed: pushed{t, at}, world: newWorld(t, commits), client: NewClient(oci.Config{}), proxy: proxy}
	_, p.goes = p.fill()
	_, children := p.pushed.index(sha(100), sha(101))
	layers, err := children[0].Layers()
	if err != nil {
		t.Fatal(err)
	}
	p.lost = layers[0]
	p.apply.Config.Artifacts[0].Location = at.Name()
	p.apply.Registry, p.apply.Deleter = p.client, p.client
	if _, err := p.apply.Look(t.Context(), at.Name()); err != nil {
		t.Fatal(err)
	}
	p.pass(60 * day)
	for i := range 2 {
		p.pushed.image(sha(50 + i))
	}
	p.before = p.snapshot()
	out := p.carryOut(p.plan())
	if out.Deleted < len(p.goes)+3 || len(p.snapshot()) == len(p.before) {
		t.Fatalf("%d were deleted", out.Deleted)
	}
	return p
}

// snapshot reads all bytes of all manifests that tags and referrers lead to.
func (p *pruned) snapshot() map[string]string {
	p.pushed.t.Helper()
	ctx, t := p.pushed.t.Context(), p.pushed.t
	view, err := p.apply.Look(ctx, p.at.Name())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, n := range view.Inventory.nodes {
		if n.missing {
			continue
		}
		mediaType, raw, err := p.client.Manifest(ctx, p.at.Name(), n.digest.String())
		if err != nil {
			t.Fatal(err)
		}
		all[n.digest.String()] = mediaType + " " + string(raw)
		for _, tag := range n.tags {
			all[tag] = n.digest.String()
		}
	}
	return all
}

func (p *pruned) restore() (Restoration, error) {
	r := &Restorer{Planner: p.apply.Planner, Writer: oci.New(oci.Config{}), Who: "tester"}
	return r.Restore(p.pushed.t.Context(), Wanted{Repository: p.at.Name()})
}

// Over real registries: everything that was deleted is back byte for byte, with its
// tags and referrers, and can be pulled. A second time nothing is written.
func TestRestoreRealRegistries(t *testing.T) {
	t.Parallel()
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := prune(t, kind)
			out, err := p.restore()
			if err != nil {
				t.Fatalf("%v\n%+v", err, out)
			}
			if diff := cmp.Diff(p.before, p.snapshot()); diff != "" {
				t.Errorf("the repository (-before +restored):\n%s", diff)
			}
			index, err := remote.Index(p.at.Tag(sha(100)))
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.WriteIndex(p.at.Registry.Repo("copy").Tag("whole"), index); err != nil {
				t.Errorf("pull what was restored: %v", err)
			}
			p.proxy.Forget()
			if out, err = p.restore(); err != nil {
				t.Fatal(err)
			}
			if n, _ := out.Count(Here); n != len(out.Manifests) || p.proxy.Count(registry.Request.IsWrite) > 0 {
				t.Errorf("a second one finds %d of %d, and writes %d times", n, len(out.Manifests), p.proxy.Count(registry.Request.IsWrite))
			}
		})
	}
}

// Where garbage was collected, what needs it is named, and the rest is back. Once the
// blobs are there again, so is all.
func TestRestoreWithoutBlobs(t *testing.T) {
	t.Parallel()
	for _, kind := range []registry.Kind{registry.Debian, registry.Distribution} { // the other takes anything
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := prune(t, kind)
			p.collect(p.lost)
			out, err := p.restore()
			if err == nil || !strings.Contains(err.Error(), "2 manifests and 2 tags are set aside") {
				t.Errorf("got %v", err)
			}
			for _, m := range out.Manifests {
				cured := strings.Contains(m.Why, "garbage collection took its blobs") || strings.Contains(m.Why, "is set aside")
				if m.State == Aside && !cured {
					t.Errorf("%s is set aside because it %s", m.Digest, m.Why)
				}
			}
			wantThere(t, p.client, p.at.Name(), p.goes, nil)
			if err := remote.WriteLayer(p.at, p.lost); err != nil {
				t.Fatal(err)
			}
			if _, err := p.restore(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(p.before, p.snapshot()); diff != "" {
				t.Errorf("the repository (-before +restored):\n%s", diff)
			}
		})
	}
}

// collect takes a blob from the registry, as its garbage collection does.
func (p *pruned) collect(layer v1.Layer) {
	p.pushed.t.Helper()
	digest := digestIn(p.pushed.t, layer)
	request, err := http.NewRequestWithContext(p.pushed.t.Context(), http.MethodDelete,
		"http://"+p.at.RegistryStr()+"/v2/"+p.at.RepositoryStr()+"/blobs/"+digest, nil)
	if err != nil {
		p.pushed.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.pushed.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		p.pushed.t.Fatalf("delete blob %s: %s", digest, response.Status)
	}
}

// A list of referrers that somebody began anew is left, and what is back joins it.
func TestRestoreReferrers(t *testing.T) {
	t.Parallel()
	p := prune(t, registry.Debian)
	subject := p.before[sha(1)]
	list := p.at.Tag("sha256-" + strings.TrimPrefix(subject, algorithm))
	if err := remote.WriteIndex(list, empty.Index); err != nil {
		t.Fatal(err)
	}
	if _, err := p.restore(); err != nil {
		t.Fatal(err)
	}
	found, err := p.client.Referrers(t.Context(), p.at.Name(), subject)
	if err != nil || len(found) != 1 {
		t.Errorf("%d referrers are listed, want the one that is back; %v", len(found), err)
	}
}
