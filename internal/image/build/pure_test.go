package build

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/image"
)

func TestPin(t *testing.T) {
	names := map[string]string{"a": "P/a:TAG", "b/c": "P/b/c:OTHER"}
	tests := []struct {
		name, in   string
		references []image.Reference
		want       string
	}{
		{"none", "FROM scratch\r\n", nil, "FROM scratch\r\n"},
		{"from", "FROM P/a", []image.Reference{{Line: 1, Written: "P/a", Parent: "a"}}, "FROM P/a:TAG"},
		{
			"arguments stay, their use goes", "ARG B=P/a\n\nFROM --platform=linux/amd64 ${B}:latest AS P/a\t\n",
			[]image.Reference{{Line: 3, Written: "${B}:latest", Parent: "a"}},
			"ARG B=P/a\n\nFROM --platform=linux/amd64 P/a:TAG AS P/a\t\n",
		},
		{
			"two of one line, with a name that begins another", "FROM scratch\nRUN --mount=type=bind,from=P/b/c,target=/x --mount=from=P/b,target=/P/b \\\n  ls P/b\n",
			[]image.Reference{{Line: 2, Written: "P/b/c", Parent: "b/c"}, {Line: 2, Written: "P/b", Parent: "a"}},
			"FROM scratch\nRUN --mount=type=bind,from=P/b/c:OTHER,target=/x --mount=from=P/a:TAG,target=/P/b \\\n  ls P/b\n",
		},
		{
			"an instruction of several lines", "FROM scratch\nCOPY \\\n# --from=P/a of a comment\n  --from=P/a \\\n  /x /y\n",
			[]image.Reference{{Line: 2, Written: "P/a", Parent: "a"}},
			"FROM scratch\nCOPY \\\n# --from=P/a of a comment\n  --from=P/a:TAG \\\n  /x /y\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := pin([]byte(tt.in), tt.references, names)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if _, err := pin([]byte("FROM P/\\\na\n"), []image.Reference{{Line: 1, Written: "P/a", Parent: "a"}}, names); err == nil {
		t.Error("a name over two lines was understood")
	}
}

// One that fails is set aside with all that stand on it; the others go on, no more
// at once than allowed, each after its parents.
func TestEachSetsAside(t *testing.T) {
	images := []image.Image{
		{Name: "good"}, {Name: "bad"},
		{Name: "on-bad", Parents: []string{"bad", "elsewhere"}}, {Name: "on-both", Parents: []string{"good", "on-bad"}},
		{Name: "on-good", Parents: []string{"good"}},
	}
	var (
		mu      sync.Mutex
		running int
		did     = map[string]bool{}
	)
	broken := errors.New("broken")
	err := Each(context.Background(), images, 2, func(_ context.Context, img image.Image) error {
		mu.Lock()
		running++
		if running > 2 {
			t.Errorf("%d at once", running)
		}
		if img.Name == "on-good" && !did["good"] {
			t.Error("on-good came before good")
		}
		mu.Unlock()
		defer func() { mu.Lock(); did[img.Name] = true; running--; mu.Unlock() }()
		if img.Name == "bad" {
			return broken
		}
		return nil
	})
	var failures *each.Failures
	if !errors.As(err, &failures) || !errors.Is(err, broken) {
		t.Fatalf("got %v, want failures", err)
	}
	if diff := cmp.Diff([]string{"bad", "on-bad", "on-both"}, failures.Failed); diff != "" {
		t.Errorf("failed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{"good": true, "bad": true, "on-good": true}, did); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	if got := each.Of(err, "on-both"); got == nil || !strings.Contains(got.Error(), "on-bad, which it stands on, failed") {
		t.Errorf("on-both: %v", got)
	}
}
