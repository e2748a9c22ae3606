package intoto

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	official "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

const kind = "https://example.com/predicate/v1"

type predicate struct {
	Text string `json:"text"`
}

var (
	hexA = strings.Repeat("a", 64)
	hexB = strings.Repeat("b", 64)
)

func sample() Statement[predicate] {
	return New(kind, predicate{"a <b>"}, Subject{"one", Digest{hexA}}, Subject{"two", Digest{hexB}})
}

func TestRoundTrip(t *testing.T) {
	text, err := sample().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal[predicate](text, kind)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("statement (-want +got):\n%s", diff)
	}
	var theirs official.Statement
	if err := protojson.Unmarshal(text, &theirs); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Validate(); err != nil {
		t.Errorf("in-toto's own library refuses it: %v", err)
	}
	if !got.Has(hexB) || got.Has(strings.Repeat("c", 64)) {
		t.Error("Has is wrong about the subjects")
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	good, err := sample().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string][2]string{
		"a space":             {`{"_type"`, `{ "_type"`},
		"an unknown field":    {`{"_type"`, `{"x":1,"_type"`},
		"a field twice":       {`"predicate":{"text"`, `"predicate":{"text":"","text"`},
		"another case":        {`"subject"`, `"Subject"`},
		"another type":        {"Statement/v1", "Statement/v0.1"},
		"another predicate":   {"predicate/v1", "predicate/v2"},
		"a digest too short":  {hexA, hexA[1:]},
		"a digest twice":      {hexA, hexB},
		"no name":             {`"one"`, `""`},
		"an escaped spelling": {"a <b>", `a \u003cb>`},
		"an end too soon":     {"}}", "}"},
	} {
		changed := strings.Replace(string(good), edit[0], edit[1], 1)
		if changed == string(good) {
			t.Fatalf("%s: the case changes nothing", what)
		}
		if _, err := Unmarshal[predicate]([]byte(changed), kind); err == nil {
			t.Errorf("%s: read %s", what, changed)
		}
	}
	if _, err := New(kind, predicate{}).Marshal(); err == nil {
		t.Error("wrote a statement about nothing")
	}
}

func TestHex(t *testing.T) {
	if got, err := Hex("sha256:" + hexA); err != nil || got != hexA {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", hexA, "sha256:" + hexA[1:], "sha256:" + strings.ToUpper(hexA), "sha512:" + hexA + hexA} {
		if got, err := Hex(bad); err == nil {
			t.Errorf("%q: got %q", bad, got)
		}
	}
}
