package flow

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the goldens again")

// example is what ships: the project of the issue.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", flowsFolder, "crostini-guest.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// complete is the example as it will be when all images are here.
func complete(t *testing.T) string {
	t.Helper()
	text := regexp.MustCompile(`(?m)^    later: .*\n`).ReplaceAllString(example(t), "")
	digest := "@sha256:" + strings.Repeat("a", 64)
	return regexp.MustCompile(`(?m)^(    image: [^@\n]*)(@.*)?$`).ReplaceAllString(text, "${1}"+digest)
}

// cut adds a line to the tracks, as a person does who cuts a branch: the one edit.
func cut(t *testing.T, text, line string) string {
	t.Helper()
	at := strings.Index(text, "\nidentities:")
	before := strings.TrimRight(text[:at], "\n")
	return before + "\n    " + line + "\n" + text[at:]
}

func parse(t *testing.T, text string) *Project {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func find(t *testing.T, p *Project, name string) Graph {
	t.Helper()
	g, err := Find([]*Project{p}, name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestTracks(t *testing.T) {
	want := []Track{
		{71, "release-R71-11151.B", "stable"}, {72, "release-R72-11316.B", "beta"},
		{73, "release-R73-11647.B", "dev"}, {74, "master", "canary"},
	}
	if diff := cmp.Diff(want, parse(t, example(t)).Tracks.All()); diff != "" {
		t.Errorf("tracks (-want +got):\n%s", diff)
	}
}

// One line cuts a branch, and the next track follows: names, jobs, and in 76 mesa.
func TestRollToTheNextTrack(t *testing.T) {
	text := complete(t)
	for i, line := range []string{"74: release-R74-11895.B", "75: release-R75-12105.B"} {
		text = cut(t, text, line)
		p := parse(t, text)
		all := p.Tracks.All()
		newest, before := all[len(all)-1], all[len(all)-2]
		if newest.Number != 75+i || newest.Branch != "master" || newest.Name != "canary" || before.Name != "dev" || all[len(all)-5].Name != "" {
			t.Errorf("after %s the tracks are %+v", line, all)
		}
		if _, ok := find(t, p, "crostini-guest/75").Node("mesa"); ok {
			t.Error("track 75 builds mesa")
		}
		if presubmit := find(t, p, "crostini-guest/presubmit"); presubmit.Branch != "master" || presubmit.Track.Number != newest.Number {
			t.Errorf("the presubmit is for %s, %+v", presubmit.Branch, presubmit.Track)
		}
	}
	p := parse(t, text)
	g := find(t, p, "crostini-guest/76")
	if _, ok := g.Node("mesa"); !ok {
		t.Fatal("track 76 does not build mesa")
	}
	repo, _ := g.Node("apt_repo")
	if diff := cmp.Diff([]string{"guest_tools", "mesa"}, repo.Needs()); diff != "" {
		t.Errorf("apt_repo needs (-want +got):\n%s", diff)
	}
	if refs := g.sources(g.Stages[0]); len(refs) != 1 || refs[0].BaseRef != "debian" {
		t.Errorf("mesa of master comes from %+v, want branch debian", refs)
	}
	rolled := parse(t, cut(t, text, "76: release-R76-12239.B"))
	g = find(t, rolled, "crostini-guest/76")
	if refs := g.sources(g.Stages[0]); len(refs) != 1 || refs[0].BaseRef != "release-R76-12239.B" {
		t.Errorf("mesa of a release comes from %+v, want the release's branch", refs)
	}
	dropped := parse(t, strings.Replace(text, "    71: release-R71-11151.B\n", "", 1))
	if _, err := Find([]*Project{dropped}, "crostini-guest/71"); err == nil {
		t.Error("track 71 lives on without its line")
	}
}

// The graph is cut just where the identity changes.
func TestStages(t *testing.T) {
	want := []Stage{
		{Name: "guest_tools", Identity: "builder", Builds: []string{"guest_tools", "apt_repo"}},
		{Name: "apt_signer", Identity: "signer", Builds: []string{"apt_signer"}, Needs: []string{"guest_tools"}},
		{Name: "lxd_container", Identity: "builder", Builds: []string{"lxd_container"}, Needs: []string{"apt_signer"}},
		{Name: "publish_apt_staging", Identity: "publisher", Builds: []string{"publish_apt_staging", "publish_lxd_staging"}, Needs: []string{"apt_signer", "lxd_container"}},
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".level" }, cmp.Ignore())
	p := parse(t, complete(t))
	if diff := cmp.Diff(want, find(t, p, "crostini-guest/74").Stages, ignore); diff != "" {
		t.Errorf("continuous (-want +got):\n%s", diff)
	}
	want = []Stage{{Name: "guest_tools", Identity: "builder", Builds: []string{"guest_tools", "apt_repo", "lxd_container"}}}
	if diff := cmp.Diff(want, find(t, p, "crostini-guest/presubmit-cr").Stages, ignore); diff != "" {
		t.Errorf("presubmit-cr (-want +got):\n%s", diff)
	}
}

// What is not here stops its own path, and no other.
func TestWhatIsNotHereWaits(t *testing.T) {
	text := strings.Replace(complete(t), "  lxd_container: # with its start test\n", "  lxd_container:\n    later: it comes\n", 1)
	text = regexp.MustCompile(`(lxd-container)@sha256:a+`).ReplaceAllString(text, "$1")
	g := find(t, parse(t, text), "crostini-guest/74")
	got := map[string]string{}
	for _, n := range g.Nodes {
		got[n.Build] = n.Waits
	}
	want := map[string]string{
		"guest_tools": "", "apt_repo": "", "apt_signer": "", "lxd_container": "it comes",
		"publish_apt_staging": "it waits for lxd_container", "publish_lxd_staging": "it waits for lxd_container",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !g.HandsOver(g.Stages[0]) || len(g.kept(g.Stages[1])) != 0 {
		t.Errorf("kept are %v and %v, want what apt_signer takes, and nothing that nobody takes yet", g.kept(g.Stages[0]), g.kept(g.Stages[1]))
	}
}

func TestOnly(t *testing.T) {
	g, err := find(t, parse(t, complete(t)), "crostini-guest/74").Only("apt_signer")
	if err != nil {
		t.Fatal(err)
	}
	var run []string
	for _, n := range g.Nodes {
		if n.Waits == "" {
			run = append(run, n.Build)
		}
	}
	slices.Sort(run)
	if diff := cmp.Diff([]string{"apt_repo", "apt_signer", "guest_tools"}, run); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := g.Only("coffee"); err == nil || !strings.Contains(err.Error(), "it has") {
		t.Errorf("got %v", err)
	}
}
