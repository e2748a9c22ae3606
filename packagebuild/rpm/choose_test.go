package rpm

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/packagebuild"
)

func TestChooseSpecs(t *testing.T) {
	tests := []struct {
		name         string
		files        []string
		chosen, note []string
	}{
		{"nothing", nil, nil, nil},
		{"plain", []string{"README", "a.spec", "b.spec", "specs"}, []string{"a.spec", "b.spec"}, nil},
		{"its own release wins", []string{"a.el8.spec", "a.el9.spec", "a.spec"}, []string{"a.el9.spec"}, nil},
		{"another release's does not", []string{"a.el8.spec", "a.spec"}, []string{"a.spec"}, nil},
		{"its own alone", []string{"a.el8.spec", "a.el9.spec"}, []string{"a.el9.spec"}, nil},
		{"another release's alone", []string{"a.el8.spec", "b.spec"}, []string{"b.spec"},
			[]string{"packaging/a.el8.spec is for el8 and there is no a.spec: not built for el9"}},
		{"el90 is not el9", []string{"a.el90.spec", "a.spec"}, []string{"a.spec"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			chosen, note := chooseSpecs(tt.files, ".el9")
			if diff := cmp.Diff([][]string{tt.chosen, tt.note}, [][]string{chosen, note}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoPackaging(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"no folder", map[string]string{"main.c": ""}, "has no packaging/*.spec; add it"},
		{"no spec", map[string]string{"packaging/debian/control": ""}, "has no packaging/*.spec for el9; add it"},
		{"another release's", map[string]string{"packaging/a.el8.spec": head}, "packaging/a.el8.spec is for el8 and there is no a.spec"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New().Plan(request(writeTree(t, tt.files)))
			if !errors.Is(err, packagebuild.ErrNoPackaging) {
				t.Errorf("error %v is not ErrNoPackaging", err)
			}
			wantError(t, err, tt.want)
		})
	}
}

func TestBuildDir(t *testing.T) {
	req := request(writeTree(t, map[string]string{"sub/dir/packaging/foo.spec": head}))
	req.Source.BuildDir = "sub/dir/"
	plan, err := New().Plan(req)
	must(t, err)
	if len(plan.Steps) != 1 {
		t.Errorf("%d steps, want 1", len(plan.Steps))
	}
}

// TestSpecThatLeadsOut: a link must not carry a file of this machine into a package.
func TestSpecThatLeadsOut(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	writeFile(t, secret, head)
	dir := writeTree(t, map[string]string{"packaging/good.spec": head})
	must(t, os.Symlink(secret, filepath.Join(dir, "packaging/foo.spec")))
	_, err := New().Plan(request(dir))
	wantError(t, err, "packaging/foo.spec|escapes")
}
