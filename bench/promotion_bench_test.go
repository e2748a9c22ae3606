package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
	"slipway.dev/slipway/internal/testkit/tools"
)

const (
	promotedEdges = 2000
	loopEdges     = 40 // of the peers that copy one image after the other
)

// fleet is many images in a registry, with their evidence in a store, all of which
// their entry channels hold.
type fleet struct {
	host    string
	digests []string
	config  *channel.Config
	store   *folder.Store
}

// BenchmarkPromotion moves 2,000 images into the next channel within one registry, on
// one test's evidence each; beside it stand the bare requests, a loop of skopeo copy
// and one of crane tag. It tells the ratios by edge, and counts requests and reads.
func BenchmarkPromotion(b *testing.B) {
	need.Tool(b, "skopeo", "skopeo")
	crane := tools.Crane(b)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the command does
	var ours, bare, skopeo, cranes []time.Duration
	var requests, reads float64
	for b.Loop() {
		f := newFleet(b, promotedEdges)
		bare = append(bare, timed(func() { f.bare(b) })/promotedEdges)
		client := oci.New(oci.Config{})
		counted := &countingStore{Store: f.store}
		ours = append(ours, timed(func() { f.promote(b, client, counted, "testing") })/promotedEdges)
		requests = float64(client.Requests()[f.host]) / promotedEdges
		reads = float64(counted.evidence) / promotedEdges
		skopeo = append(skopeo, timed(func() {
			f.loop(b, func(image string) []string {
				return []string{"skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--all", "docker://" + image, "docker://" + image[:strings.IndexByte(image, '@')] + ":skopeo"}
			})
		})/loopEdges)
		cranes = append(cranes, timed(func() {
			f.loop(b, func(image string) []string { return []string{crane, "tag", image, "crane"} })
		})/loopEdges)
	}
	b.ReportMetric(milliseconds(median(ours)), "ms/edge")
	b.ReportMetric(milliseconds(median(bare)), "ms/bare-edge")
	b.ReportMetric(float64(median(ours))/float64(median(bare)), "ratio-to-bare")
	b.ReportMetric(float64(median(skopeo))/float64(median(ours)), "times-faster-than-skopeo")
	b.ReportMetric(float64(median(cranes))/float64(median(ours)), "times-faster-than-crane")
	b.ReportMetric(requests, "requests/edge")
	b.ReportMetric(reads, "evidence-reads/edge")
	b.ReportMetric(0, "ns/op") // of all together says nothing
}

// newFleet pushes one image's blobs to n repositories, with a label that makes each
// another, and moves all into their entry channels.
func newFleet(b *testing.B, n int) *fleet {
	b.Helper()
	f := &fleet{host: registry.Start(b, registry.Debian).Host, digests: make([]string, n)}
	base, err := random.Image(256, 1)
	if err != nil {
		b.Fatal(err)
	}
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() (err error) {
			f.digests[i], err = pushLabelled(base, f.repository(i), i)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	signer := f.configure(b)
	f.testify(b, signer)
	f.promote(b, oci.New(oci.Config{}), f.store, "next")
	return f
}

func (f *fleet) repository(i int) string { return fmt.Sprintf("%s/fleet/a%04d", f.host, i) }

func pushLabelled(base v1.Image, repository string, i int) (digest string, err error) {
	img, err := mutate.Config(base, v1.Config{Labels: map[string]string{"number": fmt.Sprint(i)}})
	if err != nil {
		return "", err
	}
	hash, err := img.Digest()
	if err != nil {
		return "", err
	}
	ref, err := name.NewDigest(repository + "@" + hash.String())
	if err != nil {
		return "", err
	}
	return hash.String(), remote.Write(ref, img)
}

// configure writes the channels of all images, and gives the key of their tests.
func (f *fleet) configure(b *testing.B) dsse.SignerVerifier {
	b.Helper()
	key, err := signing.Generate()
	if err != nil {
		b.Fatal(err)
	}
	public, err := signing.MarshalPublic(key.Public().(*ecdsa.PublicKey))
	if err != nil {
		b.Fatal(err)
	}
	text := bytes.NewBufferString(`signers: {ci: {key: ci.pub}}
channels:
  image:
  - {name: next, gate: {tests: [{name: boot, signers: [ci]}]}}
  - {name: testing, from: next, gate: {tests: [{name: boot, signers: [ci]}]}}
artifacts:
`)
	for i := range f.digests {
		fmt.Fprintf(text, "- {name: a%04d, kind: image, location: %s, channels: image}\n", i, f.repository(i))
	}
	if f.config, err = channel.Parse(text.Bytes(), func(string) ([]byte, error) { return public, nil }); err != nil {
		b.Fatal(err)
	}
	dir := filepath.Join(b.TempDir(), "store")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	if f.store, err = folder.New(dir); err != nil {
		b.Fatal(err)
	}
	signer, err := signing.NewSigner(key)
	if err != nil {
		b.Fatal(err)
	}
	return signer
}

func (f *fleet) testify(b *testing.B, signer dsse.SignerVerifier) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	for _, digest := range f.digests {
		group.Go(func() error {
			_, err := evidence.Add(b.Context(), f.store, signer, evidence.Result{
				Test: "boot", Outcome: evidence.Passed, Finished: time.Now().UTC().Truncate(time.Second),
				Log: "https://ci.example.com/1", Subjects: []evidence.Subject{{Name: "image", Digest: digest}},
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// promote moves every image into the channel, from start to end as the command does.
func (f *fleet) promote(b *testing.B, client *oci.Client, s store.Store, to string) {
	b.Helper()
	proofs, err := proof.New(s, f.config.Signers, nil)
	if err != nil {
		b.Fatal(err)
	}
	p := &promotion.Promoter{Config: f.config, Store: s, Registry: client, Proof: proofs, Who: "bench"}
	var order promotion.Order
	for i, digest := range f.digests {
		order.Requests = append(order.Requests, promotion.Request{Channel: fmt.Sprintf("a%04d/%s", i, to), Digest: digest})
	}
	plan, err := p.Plan(b.Context(), order)
	if err == nil {
		err = p.Apply(b.Context(), plan)
	}
	if err != nil {
		b.Fatal(err)
	}
	if moved := plan.Count(promotion.Moved); moved != len(f.digests) {
		b.Fatalf("%d of %d moved", moved, len(f.digests))
	}
}

// bare is the least that could move as many tags: one GET and one PUT each, 16 at a time.
func (f *fleet) bare(b *testing.B) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var group errgroup.Group
	group.SetLimit(16)
	for i, digest := range f.digests {
		group.Go(func() error { return retag(client, f.host, fmt.Sprintf("fleet/a%04d", i), digest) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

func retag(client *http.Client, host, repository, digest string) error {
	url := "http://" + host + "/v2/" + repository + "/manifests/"
	body, mediaType, err := request(client, http.MethodGet, url+digest, "", nil)
	if err == nil {
		_, _, err = request(client, http.MethodPut, url+"bare", mediaType, body)
	}
	return err
}

func request(client *http.Client, method, url, mediaType string, body []byte) ([]byte, string, error) {
	r, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	r.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json")
	if mediaType != "" {
		r.Header.Set("Content-Type", mediaType)
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return answer, response.Header.Get("Content-Type"), err
}

// loop runs a program for each of the first images, one after the other.
func (f *fleet) loop(b *testing.B, argv func(image string) []string) {
	for i, digest := range f.digests[:loopEdges] {
		if err := exec.Run(b.Context(), exec.Cmd{Args: argv(f.repository(i) + "@" + digest)}); err != nil {
			b.Fatal(err)
		}
	}
}
