package goo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompile(t *testing.T) {
	for _, row := range []struct {
		pattern, name string
		want          bool
	}{
		{"LICENSE", "LICENSE", true},
		{"*.exe", "hello.exe", true},
		{"*.exe", "bin/hello.exe", false},
		{"bin/*", "bin/hello.exe", true},
		{"bin/*", "bin/x/hello.exe", false},
		{"bin/*/hello.exe", "bin/x/hello.exe", true},
		{"bin/*/hello.exe", "bin/x/y/hello.exe", false},
		{"bin/**/hello.exe", "bin/x/y/hello.exe", true},
		{"bin/**/hello.exe", "bin/hello.exe", false}, // both slashes are wanted
		{"**", "a/b/c", true},
		{"a**.txt", "a/b.txt", true}, // ** is not bound to whole names
		{"a**.txt", "a.txt", true},
		{"a*b*c", "a-b-c", true},
		{"a[a-z]", "ab", false}, // nothing but stars is special
		{"a[a-z]", "a[a-z]", true},
		{"a|b", "a", false},
		{"a|b", "a|b", true},
		{"a?c", "abc", false},
		{`^$[(-)]%{}.\x*`, `^$[(-)]%{}.\xyz`, true},
		{`a\*`, `a\b`, true}, // a backslash does not quote
		{"*", "a\nb", true},
		{"A", "a", false},
	} {
		re, err := compile(row.pattern)
		check(t, err)
		if got := re.MatchString(row.name); got != row.want {
			t.Errorf("%q matches %q: got %v", row.pattern, row.name, got)
		}
	}
}

func TestFixedFolder(t *testing.T) {
	for pattern, want := range map[string]string{
		"**": ".", "*.exe": ".", "a/*": "a", "a/b*/c": "a", "a/b/**": "a/b", "a**": ".",
	} {
		if got := fixedFolder(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

func TestArchiveName(t *testing.T) {
	for _, row := range []struct{ root, target, file, want string }{
		{"", "", "a", "a"},
		{"", "", "a/b/c", "a/b/c"},
		{"", "t", "a/b", "t/a/b"},
		{"a", "", "a/b", "b"},
		{"a", "t/u", "a/b/c", "t/u/b/c"},
		{"a/b", "", "a/b/c", "c"},
		{".", "", ".github/x", ".github/x"},
		{"./a", "", "a/b", "a/b"},  // as goopack: a root that is
		{"a/", "", "a/b", "a/b"},   // not in its plain form
		{"a/", "", "a/b/c", "b/c"}, // is only partly trimmed
	} {
		got := Sources{Root: row.root, Target: row.target}.archiveName(row.file)
		if got != row.want {
			t.Errorf("%+v: got %q", row, got)
		}
	}
}

func TestResolve(t *testing.T) {
	got := Sources{Root: "out"}.resolve([]string{"x", "/y", "a//b/./c", "**"})
	if diff := cmp.Diff([]string{"out/x", "out/y", "out/a/b/c", "out/**"}, got); diff != "" {
		t.Error(diff)
	}
	got = Sources{}.resolve([]string{"/x", "./y"})
	if diff := cmp.Diff([]string{"x", "y"}, got); diff != "" {
		t.Error(diff)
	}
}
