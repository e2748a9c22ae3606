package promotion

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

const (
	manyChannels = 100_000
	memoryWanted = 100 << 20
)

// sameLines is a store in which every channel has the history of a template, in which
// it is called NAME/CHANNEL; but one live in a hundred never moved.
type sameLines struct {
	store.Store
	intent, done string // the template's records
}

const template = "NAME/CHANNEL"

func (s sameLines) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if !strings.HasSuffix(prefix, "00/live/") {
			_ = yield(prefix+"00000000.json", nil) && yield(prefix+"00000001.json", nil)
		}
	}
}

func (s sameLines) Open(_ context.Context, key string) (io.ReadCloser, error) {
	name := key[len("ledger/"):strings.LastIndexByte(key, '/')]
	intent, first := resum(strings.Replace(s.intent, template, name, 1))
	if strings.HasSuffix(key, "00000000.json") {
		return io.NopCloser(strings.NewReader(intent)), nil
	}
	_, was := resum(s.intent)
	done, _ := resum(strings.Replace(strings.Replace(s.done, template, name, 1), was, first, 1))
	return io.NopCloser(strings.NewReader(done)), nil
}

// resum gives a record that was edited the sum that it has now.
func resum(text string) (again, sum string) {
	record := strings.TrimPrefix(text[:strings.LastIndex(text, `,"sum"`)], `{"record":`)
	sum = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(record)))
	return `{"record":` + record + `,"sum":"` + sum + "\"}\n", sum
}

// recorded makes the template by the real ledger.
func recorded(t *testing.T) sameLines {
	t.Helper()
	s, err := folder.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	digest := "sha256:" + strings.Repeat("1", 64)
	line := ledger.Line{Channel: template}
	for _, r := range []ledger.Record{
		{Kind: ledger.Intent, Digest: digest, Who: "job build-and-push 1234567890", Run: "r", Plan: digest, Evidence: []string{"evidence/" + digest}},
		{Kind: ledger.Done, Digest: digest, Who: "job build-and-push 1234567890", Run: "r"},
	} {
		r.Time = time.Now()
		if line, err = line.Append(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
	}
	return sameLines{Store: s, intent: readText(t, s, 0), done: readText(t, s, 1)}
}

func readText(t *testing.T, s store.Store, sequence int) string {
	t.Helper()
	body, err := s.Open(t.Context(), fmt.Sprintf("ledger/%s/%08d.json", template, sequence))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func manyConfig(t *testing.T) *channel.Config {
	t.Helper()
	text := bytes.NewBufferString(`signers: {ci: {key: ci.pub}}
channels:
  image:
  - {name: next, gate: {tests: [{name: unit, signers: [ci]}]}}
  - {name: live, from: next, gate: {tests: [{name: unit, signers: [ci]}]}}
artifacts:
`)
	for i := range manyChannels {
		fmt.Fprintf(text, "- {name: a%06d, kind: image, location: registry.example.com/a%06d, channels: image}\n", i, i)
	}
	config, err := channel.Parse(text.Bytes(), func(string) ([]byte, error) { return []byte(pem), nil })
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// A plan over 100,000 tags, of which one in a hundred is to move, stays small: of what
// was read of an edge that has nothing new, nothing is kept.
func TestPlanOfManyStaysSmall(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as cli.Main does
	w := &world{T: t, proof: &fakeProof{failed: map[string]bool{}}}
	w.Promoter = &Promoter{Config: manyConfig(t), Store: recorded(t), Proof: w.proof}
	debug.FreeOSMemory() // what reading the configuration took
	LimitMemory()
	var peak atomic.Uint64
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		watchMemory(stop, &peak)
	}()
	plan, err := w.Plan(t.Context(), Order{Requests: manyRequests(w.Config), OnlyNew: true})
	close(stop)
	<-ended
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("at most %d MB", peak.Load()>>20)
	if n := plan.Count(Ready); n != manyChannels/100 || len(plan.Steps) != n {
		t.Errorf("%d of %d steps are ready, of %d channels", n, len(plan.Steps), manyChannels)
	}
	if peak.Load() > memoryWanted {
		t.Errorf("the process took %d MB, want %d at most", peak.Load()>>20, memoryWanted>>20)
	}
}

func manyRequests(c *channel.Config) []Request {
	requests := make([]Request, len(c.Artifacts))
	for i, a := range c.Artifacts {
		requests[i].Channel = a.Name + "/live"
	}
	return requests
}

// watchMemory notes the most that the Go runtime had from the system.
func watchMemory(stop chan struct{}, peak *atomic.Uint64) {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for {
		select {
		case <-stop:
			return
		case <-time.After(20 * time.Millisecond):
			metrics.Read(samples)
			peak.Store(max(peak.Load(), samples[0].Value.Uint64()-samples[1].Value.Uint64()))
		}
	}
}
