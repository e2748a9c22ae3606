package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	official "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intotopb "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
)

var (
	imageDigest = "sha256:" + strings.Repeat("1", 64)
	diskDigest  = "sha256:" + strings.Repeat("2", 64)
	otherDigest = "sha256:" + strings.Repeat("3", 64)
	noon        = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func sample(outcome Outcome, finished time.Time) Result {
	r := Result{
		Test: "boot", Outcome: outcome, Finished: finished, Log: "https://ci.example.com/logs/1?a=b&c=<d>",
		Subjects: []Subject{{"image", imageDigest}, {"disk", diskDigest}},
		Passed:   []string{"login"},
	}
	if outcome == Failed {
		r.Failed = []string{"network"}
	}
	return r
}

func newKey(t testing.TB, name string) (dsse.SignerVerifier, signing.Verifier) {
	t.Helper()
	private, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return key, signing.Verifier{Verifier: key, Name: name}
}

// counting counts what a store is asked for.
type counting struct {
	store.Store
	lists, opens int
}

func (c *counting) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	c.lists++
	return c.Store.List(ctx, prefix)
}

func (c *counting) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	c.opens++
	return c.Store.Open(ctx, key)
}

// place is a store in a folder that a test may also change behind its back.
type place struct {
	*counting
	dir string
	t   *testing.T
}

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return place{&counting{Store: s}, dir, t}
}

func (p place) add(signer dsse.SignerVerifier, r Result) []string {
	p.t.Helper()
	keys, err := Add(p.t.Context(), p, signer, r)
	if err != nil {
		p.t.Fatal(err)
	}
	return keys
}

func (p place) read(key string) []byte {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, key))
	if err != nil {
		p.t.Fatal(err)
	}
	return data
}

// write puts bytes where the store would never put them.
func (p place) write(key string, data []byte) {
	p.t.Helper()
	path := filepath.Join(p.dir, key)
	_ = os.Remove(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p place) latest(digest string, signers ...signing.Verifier) (*Verified, error) {
	return Latest(p.t.Context(), p, digest, "boot", signers)
}

func TestStatementRoundTrip(t *testing.T) {
	for _, outcome := range []Outcome{Passed, Failed, Warned} {
		want := sample(outcome, noon)
		text, err := want.Statement()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	}
}

// TestStandard reads a statement with in-toto's own types, which refuse what they
// do not know.
func TestStandard(t *testing.T) {
	text, err := sample(Failed, noon).Statement()
	if err != nil {
		t.Fatal(err)
	}
	var statement intotopb.Statement
	if err := protojson.Unmarshal(text, &statement); err != nil {
		t.Fatal(err)
	}
	if err := statement.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := statement.GetPredicate().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var result official.TestResult
	if err := protojson.Unmarshal(predicate, &result); err != nil {
		t.Fatal(err)
	}
	if result.GetResult() != "FAILED" || result.GetConfiguration()[0].GetName() != "boot" || result.GetFailedTests()[0] != "network" {
		t.Errorf("in-toto reads %v", &result)
	}
}

func TestStatementRefuses(t *testing.T) {
	for what, spoil := range map[string]func(*Result){
		"no test":             func(r *Result) { r.Test = "" },
		"a path for a test":   func(r *Result) { r.Test = "../boot" },
		"no outcome":          func(r *Result) { r.Outcome = "" },
		"an unknown outcome":  func(r *Result) { r.Outcome = "fine" },
		"no time":             func(r *Result) { r.Finished = time.Time{} },
		"part of a second":    func(r *Result) { r.Finished = noon.Add(time.Millisecond) },
		"passed with failure": func(r *Result) { r.Failed = []string{"x"} },
		"no subject":          func(r *Result) { r.Subjects = nil },
		"one subject twice":   func(r *Result) { r.Subjects[1] = r.Subjects[0] },
		"no digest":           func(r *Result) { r.Subjects[0].Digest = "latest" },
		"no subject's name":   func(r *Result) { r.Subjects[0].Name = "" },
		"a relative log":      func(r *Result) { r.Log = "build.log" },
		"a password":          func(r *Result) { r.Log = "https://me:secret@example.com/" },
		"broken UTF-8":        func(r *Result) { r.Passed = []string{"\xff"} },
		"a control character": func(r *Result) { r.Passed = []string{"a\x1b[31m"} },
	} {
		r := sample(Passed, noon)
		spoil(&r)
		if text, err := r.Statement(); err == nil {
			t.Errorf("%s: wrote %s", what, text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows it: %v", what, err)
		}
	}
}

func TestLatest(t *testing.T) {
	p := newPlace(t)
	ci, accepted := newKey(t, "ci")
	if _, err := p.latest(imageDigest, accepted); !isNone(err) {
		t.Fatalf("of nothing: got %v", err)
	}
	p.add(ci, sample(Failed, noon.Add(-time.Hour)))
	keys := p.add(ci, sample(Passed, noon))
	for i, digest := range []string{imageDigest, diskDigest} {
		p.lists, p.opens = 0, 0
		got, err := p.latest(digest, accepted)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := signing.KeyID(ci.Public())
		want := &Verified{Result: sample(Passed, noon), Signer: id, Name: "ci", Key: keys[i]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", digest, diff)
		}
		if p.lists != 1 || p.opens != 1 {
			t.Errorf("it took %d List and %d Open, want one each", p.lists, p.opens)
		}
	}
	p.add(ci, sample(Failed, noon.Add(time.Second)))
	if got, err := p.latest(imageDigest, accepted); err != nil || got.Outcome != Failed {
		t.Errorf("after a newer failure: got %+v, %v", got, err)
	}
	if _, err := p.latest(otherDigest, accepted); !isNone(err) {
		t.Errorf("of another digest: got %v", err)
	}
}

func isNone(err error) bool {
	var none *NoneError
	return errors.As(err, &none)
}

// TestOneSecond takes the worst of results that ended in the same second, whatever
// order their names have.
func TestOneSecond(t *testing.T) {
	for i := range 8 {
		p := newPlace(t)
		ci, accepted := newKey(t, "ci")
		for _, outcome := range []Outcome{Passed, Failed, Warned} {
			r := sample(outcome, noon)
			r.Log = fmt.Sprintf("https://ci.example.com/%d", i)
			p.add(ci, r)
		}
		if got, err := p.latest(imageDigest, accepted); err != nil || got.Outcome != Failed {
			t.Fatalf("got %+v, %v; want the failure", got, err)
		}
	}
}

func TestAddAgain(t *testing.T) {
	p := newPlace(t)
	ci, _ := newKey(t, "ci")
	first := p.add(ci, sample(Passed, noon))
	if diff := cmp.Diff(first, p.add(ci, sample(Passed, noon))); diff != "" {
		t.Errorf("added twice (-first +again):\n%s", diff)
	}
	entries, err := List(t.Context(), p, imageDigest)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v; want one entry", entries, err)
	}
}

func TestOthersDoNotCount(t *testing.T) {
	p := newPlace(t)
	ci, accepted := newKey(t, "ci")
	stranger, _ := newKey(t, "stranger")
	p.add(stranger, sample(Passed, noon.Add(time.Hour)))
	if _, err := p.latest(imageDigest, accepted); !isNone(err) || !strings.Contains(err.Error(), "unknown key") {
		t.Errorf("a stranger's pass: got %v", err)
	}
	p.add(ci, sample(Failed, noon))
	got, err := p.latest(imageDigest, accepted)
	if err != nil || got.Outcome != Failed || len(got.Notes) != 1 {
		t.Errorf("got %+v, %v; want the failure with a note", got, err)
	}
	accepted.NotAfter = noon.Add(-time.Second)
	if _, err := p.latest(imageDigest, accepted); !isNone(err) || !strings.Contains(err.Error(), "after the end of its key") {
		t.Errorf("an expired key: got %v", err)
	}
}

// TestDamage replaces or misplaces a pass in each way that somebody who can write to
// the store might try. Never is the result read as if nothing had happened.
func TestDamage(t *testing.T) {
	ci, accepted := newKey(t, "ci")
	old := func(p place) string { return p.add(ci, sample(Passed, noon.Add(-time.Hour)))[0] }
	for what, attack := range map[string]func(p place){
		"another digest's": func(p place) {
			r := sample(Passed, noon)
			r.Subjects = []Subject{{"image", otherDigest}}
			key := p.add(ci, r)[0]
			p.write(strings.Replace(key, strings.Repeat("3", 64), strings.Repeat("1", 64), 1), p.read(key))
		},
		"another test's": func(p place) {
			r := sample(Passed, noon)
			r.Test = "unit"
			key := p.add(ci, r)[0]
			p.write(strings.Replace(key, "/unit/", "/boot/", 1), p.read(key))
		},
		"a later time": func(p place) {
			key := old(p)
			p.write(strings.Replace(key, "T11", "T13", 1), p.read(key))
		},
		"another's bytes": func(p place) {
			key := p.add(ci, sample(Failed, noon))[0]
			p.write(key, p.read(old(p)))
		},
		"another's bytes of the same second": func(p place) {
			pass := p.add(ci, sample(Passed, noon))[0]
			p.write(p.add(ci, sample(Failed, noon))[0], p.read(pass))
		},
		"cut short": func(p place) {
			key := p.add(ci, sample(Failed, noon))[0]
			p.write(key, p.read(key)[:100])
		},
		"empty":       func(p place) { p.write(p.add(ci, sample(Failed, noon))[0], nil) },
		"no evidence": func(p place) { p.write(strings.TrimSuffix(old(p), ".json"), nil) },
		"a folder":    func(p place) { p.write(strings.TrimSuffix(old(p), ".json")+"/more.json", nil) },
	} {
		t.Run(what, func(t *testing.T) {
			p := newPlace(t)
			old(p)
			attack(p)
			_, err := p.latest(imageDigest, accepted)
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Key == "" {
				t.Errorf("got %v, want a DamagedError", err)
			}
		})
	}
}

// TestAnyByteIsDamage changes one byte of an object in the store.
func TestAnyByteIsDamage(t *testing.T) {
	p := newPlace(t)
	ci, accepted := newKey(t, "ci")
	key := p.add(ci, sample(Passed, noon))[0]
	whole := p.read(key)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		changed := bytes.Clone(whole)
		at := random.IntN(len(changed))
		changed[at] ^= byte(1 + random.IntN(255))
		p.write(key, changed)
		var damaged *DamagedError
		if _, err := p.latest(imageDigest, accepted); !errors.As(err, &damaged) {
			t.Errorf("byte %d: got %v, want a DamagedError", at, err)
		}
	}
}

func TestList(t *testing.T) {
	p := newPlace(t)
	ci, _ := newKey(t, "ci")
	p.add(ci, sample(Passed, noon))
	p.add(ci, sample(Failed, noon.Add(time.Hour)))
	unit := sample(Passed, noon)
	unit.Test = "unit"
	p.add(ci, unit)
	p.lists, p.opens = 0, 0
	entries, err := List(t.Context(), p, imageDigest)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Test+" "+e.Finished.Format("15:04"))
	}
	if diff := cmp.Diff([]string{"boot 13:00", "boot 12:00", "unit 12:00"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if p.lists != 1 || p.opens != 0 {
		t.Errorf("it took %d List and %d Open, want one and none", p.lists, p.opens)
	}
}

func FuzzParse(f *testing.F) {
	text, err := sample(Failed, noon).Statement()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Parse(data)
		if err != nil {
			return
		}
		again, err := r.Statement()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s\nreads like\n%s (%v)", data, again, err)
		}
		if !json.Valid(data) {
			t.Errorf("%q is no JSON", data)
		}
	})
}
