package approval

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
	name, err := Add(p.t.Context(), p, key, Approval{plan, approver, "https://example.com/c/1", at})
	if err != nil {
		p.t.Fatal(err)
	}
	return name
}

func approvers(all []Verified) []string {
	var names []string
	for _, a := range all {
		names = append(names, a.Approver)
	}
	return names
}

func TestDistinctApprovers(t *testing.T) {
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
	if diff := cmp.Diff([]string{"ann", "bob"}, approvers(got)); diff != "" {
		t.Errorf("approvers (-want +got):\n%s", diff)
	}
	want := Approval{plan, "ann", "https://example.com/c/1", noon}
	if got[0].Approval != want || got[0].Key != first || got[0].Name != "chatops" {
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
			return "approvals/" + strings.Repeat("a", 64) + "/" + strings.Repeat("0", 64) + ".json", data
		},
		"a changed byte under its own sum": func(data []byte, _ string) (string, []byte) {
			data[len(data)/2] ^= 1
			return "approvals/" + strings.Repeat("a", 64) + "/" + filed.Sum(data) + ".json", data
		},
		"rubbish": func([]byte, string) (string, []byte) {
			return "approvals/" + strings.Repeat("a", 64) + "/README", nil
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
	for what, a := range map[string]Approval{
		"no plan":        {"", "ann", "c", noon},
		"no approver":    {plan, "", "c", noon},
		"spaces":         {plan, "ann ", "c", noon},
		"a hidden sign":  {plan, "ann\u200b", "c", noon},
		"no time":        {plan, "ann", "c", time.Time{}},
		"broken comment": {plan, "ann", "\xff", noon},
	} {
		if key, err := Add(t.Context(), p, chatops, a); err == nil {
			t.Errorf("%s: filed %s", what, key)
		}
	}
}
