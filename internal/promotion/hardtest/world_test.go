package hardtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/registry"
)

// world is a store, two registries behind proxies, and the configuration of promoters
// between them.
type world struct {
	*testing.T
	setting
	store       *folder.Store
	here, there *registry.Proxy
	keys        map[string]dsse.SignerVerifier // by signer
}

// setting is what a promoter needs to know, in this process or another.
type setting struct {
	Config string        // channels.yaml
	Store  string        // folder
	Term   time.Duration // of a run's lease
}

// newWorld has a key for each of the signers. In text, HERE and THERE are registries and
// DIR is the world's folder, in which the store is DIR/store and keys are DIR/SIGNER.pub.
func newWorld(t *testing.T, kind registry.Kind, text string, signers ...string) *world {
	t.Helper()
	dir := memory(t)
	w := &world{T: t, keys: map[string]dsse.SignerVerifier{}, setting: setting{
		Config: filepath.Join(dir, "channels.yaml"), Store: filepath.Join(dir, "store"), Term: 2 * time.Second,
	}}
	w.here = registry.NewProxy(t, registry.Start(t, kind).Host)
	w.there = registry.NewProxy(t, registry.Start(t, kind).Host)
	for _, name := range signers {
		w.keys[name] = newKey(t, filepath.Join(dir, name+".pub"))
	}
	var err error
	if w.store, err = folder.New(w.Store); err != nil {
		t.Fatal(err)
	}
	w.configure(text)
	return w
}

// memory is a folder that ends with the test, in memory where there is a file system for
// that: a killed process is no power cut, so nothing here has to reach a disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "slipway-hardtest-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// configure writes channels.yaml.
func (w *world) configure(text string) {
	w.Helper()
	text = strings.NewReplacer("HERE", w.here.Host, "THERE", w.there.Host, "DIR", filepath.Dir(w.Config)).Replace(text)
	if err := os.WriteFile(w.Config, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

// newKey makes a key, and writes its public half.
func newKey(t *testing.T, path string) dsse.SignerVerifier {
	t.Helper()
	private, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	public, err := signing.MarshalPublic(key.Public())
	if err == nil {
		err = os.WriteFile(path, public, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// promoter makes a promoter as the commands do.
func (s setting) promoter(who string, registries oci.Config, say func(string)) (*promotion.Promoter, error) {
	config, err := channel.Load(s.Config)
	if err != nil {
		return nil, err
	}
	at, err := folder.New(s.Store)
	if err != nil {
		return nil, err
	}
	p := &promotion.Promoter{
		Config: config, Store: at, Registry: oci.New(registries), Who: who, Term: s.Term,
		OpenStore: func(_ context.Context, url string) (store.Store, error) { return folder.New(url) },
	}
	p.Proof, err = proof.New(at, config.Signers, say)
	return p, err
}

// quick are registries that are given up soon.
var quick = oci.Config{Idle: 2 * time.Second, Deadline: 10 * time.Second, Attempts: 2, Backoff: 5 * time.Millisecond}

// promoter is a new one, which has read the configuration of now.
func (w *world) promoter() *promotion.Promoter {
	w.Helper()
	p, err := w.setting.promoter("tester", quick, nil)
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) plan(requests ...promotion.Request) *promotion.Plan {
	w.Helper()
	plan, err := w.promoter().Plan(w.Context(), promotion.Order{Requests: requests})
	if err != nil {
		w.Fatal(err)
	}
	return plan
}

// promote plans and applies. Where there can be no plan, it is nil.
func (w *world) promote(requests ...promotion.Request) (*promotion.Plan, error) {
	w.Helper()
	p := w.promoter()
	plan, err := p.Plan(w.Context(), promotion.Order{Requests: requests})
	if err != nil {
		return nil, err
	}
	return plan, p.Apply(w.Context(), plan)
}

func (w *world) mustPromote(requests ...promotion.Request) {
	w.Helper()
	if _, err := w.promote(requests...); err != nil {
		w.Fatal(err)
	}
}

// push pushes a small random image, and gives its digest.
func (w *world) push(repository, tag string) string {
	w.Helper()
	digest, err := push(repository, tag)
	if err != nil {
		w.Fatal(err)
	}
	return digest
}

func push(repository, tag string) (digest string, err error) {
	image, err := random.Image(64, 1)
	if err != nil {
		return "", err
	}
	ref, err := name.NewTag(repository + ":" + tag)
	if err != nil {
		return "", err
	}
	if err := remote.Write(ref, image); err != nil {
		return "", err
	}
	hash, err := image.Digest()
	return hash.String(), err
}

// points is the digest that a tag has; empty if there is none.
func (w *world) points(repository, tag string) string {
	w.Helper()
	digest, err := oci.New(oci.Config{}).Resolve(w.Context(), repository, tag)
	if err != nil && !errors.Is(err, oci.ErrAbsent) {
		w.Fatal(err)
	}
	return digest
}

// read is an object of the store.
func (w *world) read(key string) []byte {
	w.Helper()
	body, err := w.store.Open(w.Context(), key)
	if err != nil {
		w.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil {
		w.Fatal(err)
	}
	return data
}

func numbered(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("a%02d", i))
	}
	return all
}
