package version

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, s string) Version {
	t.Helper()
	v, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParse(t *testing.T) {
	tests := []struct{ in, want string }{
		{"20261121.00", "20261121.00"},
		{"20261121.7", "20261121.07"},
		{"20200101.1", "20200101.01"},
		{"20261121.100", "20261121.100"},
		{"20261121.007", "20261121.07"},
		{"20240229.00", "20240229.00"},
		{"20261121.999999999", "20261121.999999999"},
		{"20250229.00", ""},
		{"20261301.00", ""},
		{"20261100.00", ""},
		{"20261121.1000000000", ""},
		{"20261121", ""},
		{"20261121.", ""},
		{"20261121.-1", ""},
		{"20261121.+1", ""},
		{"20261121.1.2", ""},
		{" 20261121.1", ""},
		{"+2026112.1", ""},
		{"stable", ""},
		{"stable-20230101", ""},
		{"v1.2", ""},
		{"", ""},
	}
	for _, test := range tests {
		got, err := Parse(test.in)
		if got.String() != test.want || (err == nil) != (test.want != "") {
			t.Errorf("Parse(%q) = %q, %v; want %q", test.in, got, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"20261121.00", "20200101.1", "20261121.100", "stable-20230101", "v1.2", "20250229.1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			if !v.IsZero() {
				t.Errorf("Parse(%q) failed and returned %v", s, v)
			}
			return
		}
		again, err := Parse(v.String())
		if err != nil || again != v {
			t.Errorf("Parse(%q) = %v, but that parses as %v, %v", s, v, again, err)
		}
		if _, err := time.Parse("20060102", v.Day); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(s, v.Day+".") {
			t.Errorf("Parse(%q) has the day %s", s, v.Day)
		}
	})
}

func TestCompare(t *testing.T) {
	sorted := []string{"20200101.01", "20251231.100", "20261121.00", "20261121.09", "20261121.10", "20261121.99", "20261121.100"}
	for i, a := range sorted {
		for j, b := range sorted {
			got := mustParse(t, a).Compare(mustParse(t, b))
			if want := min(1, max(-1, i-j)); got != want {
				t.Errorf("%s.Compare(%s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 20, 23, 30, 0, 0, time.FixedZone("", -3600)) // the 21st in UTC
	tests := []struct {
		existing []string
		want     string
	}{
		{nil, "20261121.00"},
		{[]string{"20261120.07", "20261122.05"}, "20261121.00"},
		{[]string{"20261121.00", "20261121.3"}, "20261121.04"},
		{[]string{"20261121.100", "20261121.99"}, "20261121.101"},
	}
	for _, test := range tests {
		var existing []Version
		for _, s := range test.existing {
			existing = append(existing, mustParse(t, s))
		}
		if got := Next(now, existing).String(); got != test.want {
			t.Errorf("Next(%v) = %s, want %s", test.existing, got, test.want)
		}
	}
}

func TestJSON(t *testing.T) {
	type doc struct {
		V Version `json:"v,omitzero"`
	}
	v := mustParse(t, "20261121.100")
	data, err := json.Marshal([]any{doc{v}, doc{}, map[Version]int{v: 1}})
	if want := `[{"v":"20261121.100"},{},{"20261121.100":1}]`; err != nil || string(data) != want {
		t.Errorf("Marshal = %s, %v; want %s", data, err, want)
	}
	var got doc
	if err := json.Unmarshal([]byte(`{"v":"20261121.100"}`), &got); err != nil || got.V != v {
		t.Errorf("Unmarshal = %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"v":"latest"}`), &got); err == nil {
		t.Error("Unmarshal took a version that is none")
	}
	if _, err := json.Marshal(Version{}); err == nil {
		t.Error("Marshal wrote a version that is none")
	}
}

func TestPresubmit(t *testing.T) {
	v := Presubmit(42, "0123456789abcdef0123456789abcdef01234567")
	if want := "0~pr42.0123456789ab"; v != want {
		t.Errorf("Presubmit = %s, want %s", v, want)
	}
	for in, want := range map[string]string{v: "0.0.42+0123456789ab", "20261121.00": "20261121.00", "1.2.3": "1.2.3"} {
		if got := Goo(in); got != want {
			t.Errorf("Goo(%s) = %s, want %s", in, got, want)
		}
	}
}

// TestPrefixes checks, for days of all kinds, that the prefixes cover exactly
// today and what comes after, up to 9999.
func TestPrefixes(t *testing.T) {
	for _, today := range []string{"20261121", "20261231", "20240228", "20200101", "19991231", "20290930"} {
		now, err := time.Parse(dayLayout, today)
		if err != nil {
			t.Fatal(err)
		}
		prefixes := Prefixes(now)
		for day := now.AddDate(-2, 0, 0); day.Year() < now.Year()+200; day = day.AddDate(0, 0, 1) {
			checkCovered(t, prefixes, Today(day), today)
		}
		for _, day := range []string{"22000229", "30000101", "99991231"} {
			if _, err := time.Parse(dayLayout, day); err == nil {
				checkCovered(t, prefixes, day, today)
			}
		}
	}
}

func checkCovered(t *testing.T, prefixes []string, day, today string) {
	t.Helper()
	name := "refs/tags/" + day + ".00"
	covered := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	if want := day >= today; covered != want {
		t.Fatalf("on %s the prefixes cover %s: %v, want %v", today, name, covered, want)
	}
}

func TestPrefixesStayFew(t *testing.T) {
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	want := []string{
		"refs/slipway/claims/", "refs/tags/202611", "refs/tags/203", "refs/tags/204", "refs/tags/205", "refs/tags/206",
		"refs/tags/207", "refs/tags/208", "refs/tags/209", "refs/tags/2027", "refs/tags/2028", "refs/tags/2029", "refs/tags/202612",
	}
	if diff := cmp.Diff(want, CoarsePrefixes(now)); diff != "" {
		t.Errorf("CoarsePrefixes (-want +got):\n%s", diff)
	}
	fine, coarse := 0, 0
	for day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2010; day = day.AddDate(0, 0, 1) {
		fine, coarse = max(fine, len(Prefixes(day))), max(coarse, len(CoarsePrefixes(day)))
	}
	if fine != 56 || coarse != 29 {
		t.Errorf("up to %d prefixes, %d coarse ones; want 56 and 29, as the documentation says", fine, coarse)
	}
}
