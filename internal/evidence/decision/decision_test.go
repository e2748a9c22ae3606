package decision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store/folder"
)

var (
	plan  = "sha256:" + strings.Repeat("a", 64)
	other = "sha256:" + strings.Repeat("b", 64)
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func newKey(t *testing.T) (dsse.SignerVerifier, signing.Verifier) {
	t.Helper()
	private, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := signing.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return key, signing.Verifier{Verifier: key, Name: "chatops"}
}

type place struct {
	*folder.Store
	dir string
	t   *testing.T
}

func newPlace(t *testing.T) place {
	dir := t.TempDir()
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return place{s, dir, t}
}

func (p place) add(key dsse.SignerVerifier, plan, approver string, at time.Time) string {
	p.t.Helper()
	name, err := Add(p.t.Context(), p, key, Decision{Kind: Approve, Plan: plan, By: approver, Comment: "https://example.com/c/1", At: at})
	if err != nil {
		p.t.Fatal(err)
	}
	return name
}

func approvers(all []Verified) []string {
	var names []string
	for _, a := range all {
		names = append(names, a.By)
	}
	return names
}

func TestOldestFirst(t *testing.T) {
	p := newPlace(t)
	chatops, accepted := newKey(t)
	p.add(chatops, plan, "Ann", noon.Add(2*time.Second))
	first := p.add(chatops, plan, "ann", noon)
	if again := p.add(chatops, plan, "ann", noon); again != first {
		t.Errorf("the same approval was filed as %s and %s", first, again)
	}
	p.add(chatops, plan, "bob", noon.Add(time.Second))
	p.add(chatops, other, "cid", noon)
	got, notes, err := List(t.Context(), p, plan, []signing.Verifier{accepted})
	if err != nil || len(notes) > 0 {
		t.Fatal(notes, err)
	}
	if diff := cmp.Diff([]string{"ann", "bob", "Ann"}, approvers(got)); diff != "" {
		t.Errorf("approvers (-want +got):\n%s", diff)
	}
	want := Decision{Kind: Approve, Plan: plan, By: "ann", Comment: "https://example.com/c/1", At: noon}
	if got[0].Decision != want || got[0].Key != first || got[0].Name != "chatops" {
		t.Errorf("got %+v", got[0])
	}
}

func TestStrangersDoNotCount(t *testing.T) {
	p := newPlace(t)
	stranger, _ := newKey(t)
	chatops, accepted := newKey(t)
	p.add(stranger, plan, "ann", noon)
	p.add(chatops, plan, "bob", noon)
	accepted.NotAfter = noon.Add(-time.Second)
	got, notes, err := List(t.Context(), p, plan, []signing.Verifier{accepted})
	if err != nil || len(got) > 0 || len(notes) != 2 {
		t.Errorf("got %v, %q, %v; want two notes and no approval", got, notes, err)
	}
}

func TestDamage(t *testing.T) {
	chatops, accepted := newKey(t)
	for what, attack := range map[string]func(data []byte, key string) (string, []byte){
		"another plan's": func(data []byte, key string) (string, []byte) {
			return strings.ReplaceAll(key, strings.Repeat("b", 64), strings.Repeat("a", 64)), data
		},
		"a changed byte": func(data []byte, _ string) (string, []byte) {
			data[len(data)/2] ^= 1
			return "decisions/" + strings.Repeat("a", 64) + "/" + strings.Repeat("0", 64) + ".json", data
		},
		"a changed byte under its own sum": func(data []byte, _ string) (string, []byte) {
			data[len(data)/2] ^= 1
			return "decisions/" + strings.Repeat("a", 64) + "/" + filed.Sum(data) + ".json", data
		},
		"rubbish": func([]byte, string) (string, []byte) {
			return "decisions/" + strings.Repeat("a", 64) + "/README", nil
		},
	} {
		p := newPlace(t)
		key := p.add(chatops, other, "ann", noon)
		data, err := os.ReadFile(filepath.Join(p.dir, key))
		if err != nil {
			t.Fatal(err)
		}
		name, data := attack(data, key)
		path := filepath.Join(p.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
		got, _, err := List(t.Context(), p, plan, []signing.Verifier{accepted})
		var damaged *filed.DamagedError
		if !errors.As(err, &damaged) {
			t.Errorf("%s: got %v, %v; want a DamagedError", what, got, err)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	p := newPlace(t)
	chatops, _ := newKey(t)
	for what, d := range map[string]Decision{
		"no plan":                 {Kind: Approve, By: "ann", At: noon},
		"no kind":                 {Plan: plan, By: "ann", At: noon},
		"another kind":            {Kind: "approved", Plan: plan, By: "ann", At: noon},
		"nobody":                  {Kind: Approve, Plan: plan, At: noon},
		"spaces":                  {Kind: Approve, Plan: plan, By: "ann ", At: noon},
		"a hidden sign":           {Kind: Approve, Plan: plan, By: "ann\u200b", At: noon},
		"no time":                 {Kind: Approve, Plan: plan, By: "ann"},
		"broken comment":          {Kind: Approve, Plan: plan, By: "ann", Comment: "\xff", At: noon},
		"a hold without reason":   {Kind: Hold, Plan: plan, By: "ann", At: noon},
		"an override of nobody":   {Kind: Override, Plan: plan, By: "ann", Reason: "r", At: noon},
		"an approval for a group": {Kind: Approve, Plan: plan, By: "ann", Group: "g", At: noon},
		"a withdrawal of nothing": {Kind: Withdraw, Plan: plan, By: "ann", At: noon},
	} {
		if key, err := Add(t.Context(), p, chatops, d); err == nil {
			t.Errorf("%s: filed %s", what, key)
		}
	}
}

// What is taken back no longer stands, and what comes after does.
func TestStand(t *testing.T) {
	say := func(k Kind, by, comment, of string) Verified {
		return Verified{Decision: Decision{Kind: k, By: by, Comment: comment, Of: of}}
	}
	s := Stand([]Verified{
		say(Request, "ann", "1", ""), say(Hold, "bob", "2", ""), say(Release, "bob", "3", ""), say(Hold, "cid", "4", ""),
		say(Request, "dan", "5", ""), say(Withdraw, "ann", "6", "1"), say(Approve, "ann", "7", ""), say(Approve, "ann", "8", ""),
		say(Override, "eve", "9", ""), say(Withdraw, "ann", "10", "7"), say(Approve, "ann", "11", ""), say(Override, "eve", "12", ""), say(Approve, "ann", "13", ""),
	})
	for what, got := range map[string][]Verified{"5": s.Requests, "4": s.Holds, "11 13": s.Approvals, "12": s.Overrides} {
		var comments []string
		for _, v := range got {
			comments = append(comments, v.Comment)
		}
		if strings.Join(comments, " ") != what {
			t.Errorf("%q stand, want %q", comments, what)
		}
	}
}
