package image

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// named is a tree of images that have nothing but names.
func named(t *testing.T, names ...string) *Tree {
	t.Helper()
	files := map[string]string{"README": ""}
	for _, name := range names {
		files["images/"+name+"/Dockerfile"] = "FROM scratch\n"
	}
	return newCheckout(t, files).open()
}

func namesOf(images []Image) []string {
	var names []string
	for _, img := range images {
		names = append(names, img.Name)
	}
	return names
}

func TestFind(t *testing.T) {
	tree := named(t, "daisy-builder", "debian/bookworm", "debian/trixie", "my_tool", "a_b/c", "a/b_d", "x_y/z", "x/y_z")
	tests := []struct{ name, want, wrong string }{
		{"daisy-builder", "daisy-builder", ""},
		{"debian/bookworm", "debian/bookworm", ""},
		{"debian_bookworm", "debian/bookworm", ""},
		{"debian/bookworm/", "debian/bookworm", ""},
		{"my_tool", "my_tool", ""},
		{"a_b_c", "a_b/c", ""},
		{"a_b_d", "a/b_d", ""},
		{"x_y_z", "", "x_y_z may be any of the images x/y_z, x_y/z; write its slashes"},
		{"daisy-bilder", "", `there is no image "daisy-bilder"; did you mean daisy-builder?`},
		{"bookwrm", "", "did you mean debian/bookworm?"},
		{"debain", "", "did you mean debian?"},
		{"debian", "", "name one of the images below it: debian/bookworm, debian/trixie"},
		{"nothing-like-it", "", "the images are a/b_d, a_b/c, "},
		{"", "", "an image's name is its folder's path below images"},
		{"../images/my_tool", "", "an image's name is its folder's path below images"},
		{"/etc", "", "an image's name is its folder's path below images"},
	}
	for _, tt := range tests {
		got, err := tree.Find(tt.name)
		if got.Name != tt.want || (err == nil) != (tt.wrong == "") || err != nil && !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%q: got %q, %v; want %q, %q", tt.name, got.Name, err, tt.want, tt.wrong)
		}
	}
}

func TestFindUntracked(t *testing.T) {
	c := newCheckout(t, small())
	c.write("images/new/Dockerfile", "FROM scratch\n")
	_, err := c.open().Find("new")
	var unknown *UnknownError
	if !errors.As(err, &unknown) || !strings.Contains(unknown.Hint, "git add images/new") {
		t.Errorf("got %v, want the command that tracks it", err)
	}
}

func TestMatch(t *testing.T) {
	tree := named(t, "debian", "debian/bookworm", "debian/trixie/slim", "debian-old", "debianx/y")
	tests := []struct {
		name string
		want []string
	}{
		{"debian", []string{"debian", "debian/bookworm", "debian/trixie/slim"}},
		{"debian/trixie", []string{"debian/trixie/slim"}},
		{"debian_trixie", []string{"debian/trixie/slim"}},
		{"debian_trixie_slim", []string{"debian/trixie/slim"}},
		{"debian-old", []string{"debian-old"}},
		{"debia", nil},
	}
	for _, tt := range tests {
		got, err := tree.Match(tt.name)
		if diff := cmp.Diff(tt.want, namesOf(got)); diff != "" || (err != nil) != (tt.want == nil) {
			t.Errorf("%s: %v; -want +got:\n%s", tt.name, err, diff)
		}
	}
}

func TestOpenFolders(t *testing.T) {
	c := newCheckout(t, map[string]string{
		"Dockerfile": "FROM scratch\n", "a/Dockerfile": "FROM scratch\n", "deep/er/b/Dockerfile": "FROM example.com/x/c\n",
		"deep/er/c/Dockerfile.aarch64": "FROM scratch\n", "deep/er/d/Dockerfile.old": "FROM scratch\n", "deep/er/Dockerfile": "FROM scratch\n",
	})
	tests := []struct {
		folder string
		want   []string
	}{
		{".", []string{"a", "deep/er", "deep/er/b", "deep/er/c"}},
		{"deep/er/", []string{"b", "c"}},
		{"./deep", []string{"er", "er/b", "er/c"}},
		{"", nil},
	}
	for _, tt := range tests {
		tree, err := Open(t.Context(), Config{Checkout: c.dir, Folder: tt.folder, Canonical: "example.com/x/"})
		c.must(err)
		if diff := cmp.Diff(tt.want, namesOf(tree.Images())); diff != "" {
			t.Errorf("%q: -want +got:\n%s", tt.folder, diff)
		}
	}
	tree, err := Open(t.Context(), Config{Checkout: c.dir, Folder: "deep/er", Canonical: "example.com/x"})
	c.must(err)
	want := []Image{
		{Name: "b", Folder: c.path("deep/er/b"), Dockerfile: "Dockerfile", Dockerfiles: map[string]string{"amd64": "Dockerfile"},
			Architectures: []string{"amd64"}, Parents: []string{"c"}, Base: "c"},
		{Name: "c", Folder: c.path("deep/er/c"), Dockerfile: "Dockerfile.aarch64", Dockerfiles: map[string]string{"arm64": "Dockerfile.aarch64"},
			Architectures: []string{"arm64"}},
	}
	if diff := cmp.Diff(want, tree.Images()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOpenRefuses(t *testing.T) {
	c := newCheckout(t, small())
	for _, config := range []Config{{Checkout: t.TempDir()}, {Checkout: c.path("nowhere")}, {Checkout: c.dir, Folder: "../x"}, {Checkout: c.dir, Folder: "/x"}} {
		if _, err := Open(t.Context(), config); err == nil {
			t.Errorf("%+v: opened", config)
		}
	}
}

func TestFindCheckout(t *testing.T) {
	c := newCheckout(t, small())
	if got, err := FindCheckout(c.path("images/app")); got != c.dir || err != nil {
		t.Errorf("got %s, %v; want %s", got, err, c.dir)
	}
	if got, err := FindCheckout(t.TempDir()); err == nil {
		t.Errorf("got %s for a folder in no checkout", got)
	}
}

func TestFiles(t *testing.T) {
	c := newCheckout(t, small())
	c.must(os.Symlink("a", c.path("images/app/link")))
	c.track()
	c.write("images/app/untracked", "")
	files, err := c.open().Files("app")
	c.must(err)
	var got []string
	for _, f := range files {
		mode := ""
		if f.Executable {
			mode = " executable"
		}
		got = append(got, f.Path+" "+string(f.Kind)+mode)
	}
	want := []string{"Dockerfile file", "a file", "b c file", "link symlink", "run.sh file executable"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOrder(t *testing.T) {
	from := func(names ...string) string {
		text := ""
		for _, name := range names {
			text += "FROM slipway.dev/images/" + name + "\n"
		}
		return text
	}
	c := newCheckout(t, map[string]string{
		"images/base/Dockerfile": "FROM scratch\n", "images/left/Dockerfile": from("base"), "images/right/Dockerfile": from("base"),
		"images/top/Dockerfile": from("right", "left"), "images/me/Dockerfile": from("me"), "images/lost/Dockerfile": from("base", "bsae"),
		"images/x/Dockerfile": from("y"), "images/y/Dockerfile": "FROM scratch\n\nCOPY --from=slipway.dev/images/z a b\n", "images/z/Dockerfile": from("x"), "images/on-x/Dockerfile": from("x"),
	})
	tests := []struct {
		names, want []string
		wrong       string
	}{
		{[]string{"top"}, []string{"base", "left", "right", "top"}, ""},
		{[]string{"right", "top", "base"}, []string{"base", "right", "left", "top"}, ""},
		{nil, nil, ""},
		{[]string{"me"}, nil, "cyclic FROM: me → me; take out one of images/me/Dockerfile:1"},
		{[]string{"on-x"}, nil, "cyclic FROM: x → y → z → x; take out one of images/x/Dockerfile:1, images/y/Dockerfile:3, images/z/Dockerfile:1"},
		{[]string{"lost"}, nil, `image lost: images/lost/Dockerfile:2: there is no image "bsae"; did you mean base?`},
		{[]string{"tpo"}, nil, `there is no image "tpo"; did you mean top?`},
	}
	for _, tt := range tests {
		got, err := c.open().Order(tt.names)
		message := ""
		if err != nil {
			message = err.Error()
		}
		if diff := cmp.Diff(tt.want, namesOf(got)); diff != "" || message != tt.wrong {
			t.Errorf("%v: got error %q, want %q; -want +got:\n%s", tt.names, message, tt.wrong, diff)
		}
	}
}

func TestTreeServesManyAtOnce(t *testing.T) {
	tree := newCheckout(t, small()).open()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, img := range tree.Images() {
				if _, err := tree.Tag(img.Name); err != nil {
					t.Error(err)
				}
				if _, err := tree.Files(img.Name); err != nil {
					t.Error(err)
				}
			}
			tree.Verify()
		})
	}
	all.Wait()
}
