package goo

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"1.2.3":                      {Major: 1, Minor: 2, Patch: 3},
		"1.2.3@4":                    {Major: 1, Minor: 2, Patch: 3, Release: 4},
		"1.2@7":                      {Minor: 1, Patch: 2, Release: 7},
		"9":                          {Patch: 9},
		"1.02.003":                   {Major: 1, Minor: 2, Patch: 3},
		"1..2":                       {Major: 1, Patch: 2},
		"20261121.00":                {Minor: 20261121},
		"20261121.00.0@1":            {Major: 20261121, Release: 1},
		"20261121.00.0+win@1":        {Major: 20261121, Build: []string{"win"}, Release: 1},
		"0.0.12+abcdef0.0@1":         {Patch: 12, Build: []string{"abcdef0", "0"}, Release: 1},
		"1.2.3-rc.1+b-1":             {Major: 1, Minor: 2, Patch: 3, Pre: []string{"rc", "1"}, Build: []string{"b-1"}},
		"1.2-3.4":                    {Minor: 1, Patch: 2, Pre: []string{"3", "4"}},
		"1.2.3+007":                  {Major: 1, Minor: 2, Patch: 3, Build: []string{"007"}},
		"1.2.3@-1":                   {Major: 1, Minor: 2, Patch: 3, Release: -1},
		"1.18446744073709551615.0@0": {Major: 1, Minor: 1<<64 - 1},
		"-1.2":                       {Pre: []string{"1", "2"}},
		"":                           {},
	} {
		got, err := ParseVersion(text)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseVersionRefuses(t *testing.T) {
	for _, text := range []string{
		"1.2.d3@4", "1.2.3@4d", "1.2.3.4", "1.2.3@", "1.2.3@1@2", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3+a+b",
		"1.2.3-01", "1.2.3-a_b", "v1.2.3", " 1.2.3", "1.2.3\n", "1.2.18446744073709551616", "1.2.3-18446744073709551616",
		"0~pr12.abcdef0", "1.2.٣",
	} {
		if v, err := ParseVersion(text); err == nil {
			t.Errorf("%q is read as %+v, want an error", text, v)
		}
	}
}

func TestVersionsAreOrdered(t *testing.T) {
	ascending := []string{
		"0.0.12-1", "0.0.12+abcdef0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11",
		"1.0.0-rc.1", "1.0.0", "1.0.0@1", "1.0.0@2", "1.0.1", "20261121.99.0@1", "20261121.100.0@1", "20261122.00.0@1",
	}
	var versions []Version
	for _, text := range ascending {
		v, err := ParseVersion(text)
		check(t, err)
		versions = append(versions, v)
	}
	for i, a := range versions {
		for j, b := range versions {
			if got, want := a.Compare(b), min(max(i-j, -1), 1); got != want {
				t.Errorf("compare %s with %s: got %d, want %d", ascending[i], ascending[j], got, want)
			}
		}
	}
	one, _ := ParseVersion("1.0.0+a")
	other, _ := ParseVersion("1.0.0+b")
	if one.Compare(other) != 0 {
		t.Error("build metadata counts in comparison")
	}
}

func TestOneBuild(t *testing.T) {
	for version, want := range map[string]string{
		"0.0.12+abcdef0.0@1":     "0.0.12+abcdef0.0@1",
		"0.0.12+abcdef0.0+win@1": "0.0.12+abcdef0.0.win@1",
		"0.0.12+a+b+c":           "0.0.12+a.b.c",
		"1.2.3@+1":               "1.2.3@+1",
	} {
		if got := oneBuild(version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, row := range []struct {
		text, version string
		want          bool
	}{
		{"20261121.00.0@1", "20261121.00", true},
		{"1.20261121.00", "20261121.00", true},
		{"20261121.00.0@1", "20261121.0", false},
		{"120261121.00.0", "20261121.00", false},
		{"20261121.001.20261121.00", "20261121.00", true},
		{"0.0.12+abcdef0.0@1", "0.0.12+abcdef0", true},
		{"0.0.12+abcdef01.0@1", "0.0.12+abcdef0", false},
		{"1.2.3", "20261121.00", false},
	} {
		if got := holds(row.text, row.version); got != row.want {
			t.Errorf("%s holds %s: got %v", row.text, row.version, got)
		}
	}
}

func FuzzVersion(f *testing.F) {
	for _, seed := range []string{"1.2.3@4", "1.2-3.4+5", "20261121.00.0+win@1", "0.0.12+abcdef0", "1.2.3.4", "@", "+-"} {
		f.Add(seed, "1.0.0")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		a, errA := ParseVersion(one)
		b, errB := ParseVersion(other)
		if errA != nil || errB != nil {
			return
		}
		if a.Compare(a) != 0 || a.Compare(b) != -b.Compare(a) {
			t.Errorf("%q and %q: %d and %d", one, other, a.Compare(b), b.Compare(a))
		}
		if slices.Contains(a.Pre, "") || slices.Contains(a.Build, "") {
			t.Errorf("%q has an empty identifier: %+v", one, a)
		}
	})
}
