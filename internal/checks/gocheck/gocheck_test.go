package gocheck

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/checks/gotool"
)

func TestUnformatted(t *testing.T) {
	const diff = `diff a b.go.orig a b.go
--- a b.go.orig
+++ a b.go
@@ -2,5 +2,5 @@
 
 import "fmt"
 
-var  x = 1
+var x = 1
diff sub/c.go.orig sub/c.go
--- sub/c.go.orig
+++ sub/c.go
@@ -0,0 +1 @@
+// a line
`
	var got []string
	for _, f := range unformatted(gotool.Module{Root: "/r", Folder: "m"}, diff) {
		got = append(got, strings.SplitN(f.String(), "\n", 2)[0])
	}
	want := []string{"m/a b.go:5: it is not as gofmt formats it", "m/sub/c.go: it is not as gofmt formats it"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unformatted (-want +got):\n%s", diff)
	}
}

// A file belongs to the innermost module that it is in.
func TestOwners(t *testing.T) {
	c := Checkout{
		Job:     checks.Job{Root: t.TempDir()},
		Modules: []gotool.Module{{Folder: "."}, {Folder: "a"}, {Folder: "a/b"}},
		Files:   []string{"a/b/x.go", "a/bc/x.go", "a/vendor/v/x.go", "ab/x.go", "x.go", "x.txt", "a/testdata/x.go"},
	}
	want := [][]string{{"ab/x.go", "x.go"}, {"bc/x.go"}, {"x.go"}}
	if diff := cmp.Diff(want, c.owners()); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

func TestReadProblems(t *testing.T) {
	m := gotool.Module{Root: "/r", Folder: "m"}
	const report = `{"code":"compile","location":{"file":""},"message":"# example.com/m/sub\nsub/s.go:3:16: undefined: x"}
{"code":"U1000","location":{"file":"/r/m/a.go","line":6,"column":6},"message":"func b is unused"}
`
	got, err := readProblems(m, strings.NewReader(report))
	want := []checks.Finding{
		{Unit: "example.com/m/sub", File: "m/sub/s.go", Line: 3, Column: 16, Message: "undefined: x"},
		{Unit: "m/go.mod", File: "m/a.go", Line: 6, Column: 6, Message: "func b is unused (U1000)"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("readProblems: %v (-want +got):\n%s", err, diff)
	}
	if _, err := readProblems(m, strings.NewReader(report+"panic: x")); err == nil {
		t.Error("a report that breaks off was read")
	}
}
