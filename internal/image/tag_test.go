package image

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small is a tree whose image "app" stands on "base", holds a nested image, and
// has a neighbour.
func small() map[string]string {
	return map[string]string{
		"README":                    "outside",
		"images/README":             "in no image",
		"images/base/Dockerfile":    "FROM scratch\nCOPY a /\n",
		"images/base/a":             "base",
		"images/app/Dockerfile":     "FROM slipway.dev/images/base\nCOPY a /\n",
		"images/app/a":              "text\n",
		"images/app/b c":            "space",
		"images/app/run.sh":         "#!/bin/sh\n",
		"images/app/sub/Dockerfile": "FROM scratch\nCOPY a /\n",
		"images/app/sub/a":          "nested",
		"images/other/Dockerfile":   "FROM scratch\nCOPY a /\n",
		"images/other/a":            "other",
	}
}

// TestTagRules: what changes the tag of an image, and what does not.
func TestTagRules(t *testing.T) {
	const changes, stays = true, false
	tests := []struct {
		name string
		do   func(*checkout)
		want bool
	}{
		{"nothing", func(*checkout) {}, stays},
		{"a file's content", func(c *checkout) { c.write("images/app/a", "text!") }, changes},
		{"line ends", func(c *checkout) { c.write("images/app/a", "text\r\n") }, changes},
		{"a file's name", func(c *checkout) { c.git("mv", "images/app/a", "images/app/z") }, changes},
		{"a file's folder", func(c *checkout) {
			c.must(os.Mkdir(c.path("images/app/d"), 0o755))
			c.git("mv", "images/app/a", "images/app/d/a")
		}, changes},
		{"the executable bit on", func(c *checkout) { c.must(os.Chmod(c.path("images/app/a"), 0o755)) }, changes},
		{"the executable bit off", func(c *checkout) { c.must(os.Chmod(c.path("images/app/run.sh"), 0o644)) }, changes},
		{"other permissions", func(c *checkout) { c.must(os.Chmod(c.path("images/app/a"), 0o600)) }, stays},
		{"others may execute", func(c *checkout) { c.must(os.Chmod(c.path("images/app/a"), 0o655)) }, stays},
		{"a folder's permissions", func(c *checkout) { c.must(os.Chmod(c.path("images/app"), 0o700)) }, stays},
		{"times", func(c *checkout) { c.must(os.Chtimes(c.path("images/app/a"), time.Unix(1, 0), time.Unix(1, 0))) }, stays},
		{"an untracked file", func(c *checkout) { c.write("images/app/new", "new") }, stays},
		{"an untracked folder", func(c *checkout) { c.write("images/app/new/Dockerfile", "FROM scratch\n") }, stays},
		{"a staged file", func(c *checkout) { c.write("images/app/new", "new"); c.git("add", "images/app/new") }, changes},
		{"a file that is to be added", func(c *checkout) { c.write("images/app/new", "new"); c.git("add", "-N", "images/app/new") }, changes},
		{"a staged change taken back", func(c *checkout) {
			c.write("images/app/a", "text!")
			c.git("add", "images/app/a")
			c.write("images/app/a", "text\n")
		}, stays},
		{"a deleted file", func(c *checkout) { c.must(os.Remove(c.path("images/app/a"))) }, changes},
		{"a file that is ignored, but tracked", func(c *checkout) { c.write(".gitignore", "a\n"); c.write("images/app/a", "text!") }, changes},
		{"a file that was untracked", func(c *checkout) { c.git("rm", "--quiet", "--cached", "images/app/a") }, changes},
		{"a pipe in place of a file", func(c *checkout) {
			c.must(os.Remove(c.path("images/app/a")))
			c.must(syscall.Mkfifo(c.path("images/app/a"), 0o644))
		}, changes},
		{"a symlink of the same bytes", func(c *checkout) {
			c.must(os.Remove(c.path("images/app/a")))
			c.must(os.Symlink("text\n", c.path("images/app/a")))
		}, changes},
		{"an empty folder", func(c *checkout) { c.must(os.Mkdir(c.path("images/app/empty"), 0o755)) }, stays},
		{"a commit", func(c *checkout) { c.git("commit", "--quiet", "--allow-empty", "-m", "Nothing") }, stays},
		{"another image", func(c *checkout) { c.write("images/other/a", "other!") }, stays},
		{"a file outside all images", func(c *checkout) { c.write("README", "!"); c.write("images/README", "!") }, stays},
		{"a nested image", func(c *checkout) { c.write("images/app/sub/a", "nested!") }, stays},
		{"a nested image that is none any more", func(c *checkout) { c.must(os.Remove(c.path("images/app/sub/Dockerfile"))) }, changes},
		{"the parent", func(c *checkout) { c.write("images/base/a", "base!") }, changes},
		{"the Dockerfile", func(c *checkout) { c.write("images/app/Dockerfile", "FROM slipway.dev/images/base:latest\nCOPY a /\n") }, changes},
		{"a name with a newline", func(c *checkout) { c.write("images/app/x\ny", ""); c.track() }, changes},
		{"a name that is no UTF-8", func(c *checkout) { c.write("images/app/\xff\"", ""); c.track() }, changes},
		{"a moved checkout", func(c *checkout) {
			moved := c.dir + " moved"
			c.must(os.Rename(c.dir, moved))
			c.dir = moved
		}, stays},
		{"a clone made with another umask", func(c *checkout) {
			clone := c.dir + "-clone"
			c.run("sh", "-c", "umask 077 && git clone --quiet . \"$1\"", "sh", clone)
			c.dir = clone
		}, stays},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, small())
			before := c.tag("app")
			tt.do(c)
			after := c.tag("app")
			if (before != after) != tt.want {
				t.Errorf("changes is %v, want %v", before != after, tt.want)
			}
			if len(after) != 64 || strings.Trim(after, "0123456789abcdef") != "" {
				t.Errorf("got %q, want 64 hexadecimal digits", after)
			}
		})
	}
}

// What is gone from the work tree counts as if it had never been tracked.
func TestTagOfWhatIsGone(t *testing.T) {
	without := small()
	delete(without, "images/app/a")
	want := newCheckout(t, without).tag("app")
	for name, do := range map[string]func(*checkout){
		"deleted": func(c *checkout) { c.must(os.Remove(c.path("images/app/a"))) },
		"folder in its place": func(c *checkout) {
			c.must(os.Remove(c.path("images/app/a")))
			c.write("images/app/a/b", "untracked")
		},
		"committed": func(c *checkout) { c.git("rm", "--quiet", "images/app/a"); c.track() },
	} {
		c := newCheckout(t, small())
		do(c)
		if got := c.tag("app"); got != want {
			t.Errorf("%s: got another tag than without the file", name)
		}
	}
}

// What lies behind a symlink is not what git tracks.
func TestTagOfFolderThatBecameASymlink(t *testing.T) {
	files := small()
	files["images/app/d/x"] = "x"
	c := newCheckout(t, files)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	c.must(os.Rename(c.path("images/app/d"), elsewhere))
	gone := c.tag("app")
	c.must(os.Symlink(elsewhere, c.path("images/app/d")))
	if c.tag("app") != gone {
		t.Error("a file outside the checkout counts")
	}
	c.must(os.Rename(c.path("images/app"), elsewhere+"-app"))
	c.must(os.Symlink(elsewhere+"-app", c.path("images/app")))
	if _, err := c.open().Find("app"); err == nil {
		t.Error("a folder outside the checkout is an image")
	}
}

func TestTagOfSymlinks(t *testing.T) {
	c := newCheckout(t, small())
	link := func(target string) string {
		_ = os.Remove(c.path("images/app/link"))
		c.must(os.Symlink(target, c.path("images/app/link")))
		c.track()
		return c.tag("app")
	}
	if link("a") == link("b c") {
		t.Error("a symlink's target does not count")
	}
	before := link("/nowhere")
	c.write("images/app/a", "text!")
	if before == c.tag("app") {
		t.Error("a dangling symlink hides other changes")
	}
}

// A submodule counts by its commit, not by what was done to its files.
func TestTagOfSubmodule(t *testing.T) {
	c, sub := newCheckout(t, small()), newCheckout(t, map[string]string{"x": "1"})
	before := c.tag("app")
	c.git("submodule", "--quiet", "add", sub.dir, "images/app/sub module")
	c.track()
	added := c.tag("app")
	c.write("images/app/sub module/x", "changed")
	if before == added || added != c.tag("app") {
		t.Errorf("added changes: %v, its files change: %v; want true, false", before != added, added != c.tag("app"))
	}
	sub.write("x", "2")
	sub.track()
	c.git("submodule", "--quiet", "update", "--remote", "--force")
	c.git("add", "images/app/sub module")
	if added == c.tag("app") {
		t.Error("another commit of the submodule does not count")
	}
}

func TestTagOfUnmergedFile(t *testing.T) {
	c := newCheckout(t, small())
	c.git("checkout", "--quiet", "-b", "theirs")
	c.write("images/app/a", "theirs")
	c.track()
	c.git("checkout", "--quiet", "main")
	c.write("images/app/a", "ours")
	c.track()
	c.run("sh", "-c", "! git merge --quiet theirs && git ls-files --unmerged | grep a$")
	unmerged := c.tag("app")
	c.git("add", "images/app/a")
	if c.tag("app") != unmerged {
		t.Error("three entries of one path count as three files")
	}
}

func TestTagCoversArguments(t *testing.T) {
	c := newCheckout(t, small())
	seen := map[string]bool{}
	for _, arguments := range []map[string]string{nil, {"A": "1"}, {"A": "2"}, {"A": "", "1": ""}} {
		tree, err := Open(t.Context(), Config{Checkout: c.dir, Arguments: arguments})
		c.must(err)
		tag, err := tree.Tag("app")
		c.must(err)
		seen[tag] = true
	}
	if len(seen) != 4 {
		t.Errorf("got %d tags for 4 sets of arguments", len(seen))
	}
}

// An image that a sparse checkout left out is told of, not named by its absence.
func TestTagInSparseCheckout(t *testing.T) {
	c := newCheckout(t, small())
	c.git("sparse-checkout", "set", "images/other")
	tree := c.open()
	if _, err := tree.Tag("other"); err != nil {
		t.Errorf("other: %v", err)
	}
	_, err := tree.Tag("app")
	if err == nil || !strings.Contains(err.Error(), "git sparse-checkout add images/app") {
		t.Errorf("app: got %v, want the command that brings it", err)
	}
}
