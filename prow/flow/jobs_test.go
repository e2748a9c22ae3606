package flow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pjutil"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"
)

// load loads a project's jobs with Prow's own loader, as strictly as it can.
func load(t *testing.T, p *Project) *config.Config {
	t.Helper()
	text, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "jobs.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := config.LoadStrict(filepath.Join("..", "..", "config", "config.yaml"), file, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// What is committed is what the flows give.
func TestGeneratedIsFresh(t *testing.T) {
	changes, err := Stale(t.Context(), filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		t.Errorf("%s %s; run `slipway job generate`", c.Path, c.Why)
	}
}

// The jobs of track 76 and the presubmits, once all images are here.
func TestGolden(t *testing.T) {
	p := parse(t, cut(t, cut(t, complete(t), "74: release-R74-11895.B"), "75: release-R75-12105.B"))
	p.Tracks.Cut = map[int]string{75: p.Tracks.Cut[75]}
	got, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.YAML()
	if err != nil || string(again) != string(got) {
		t.Errorf("the same flows gave other bytes: %v", err)
	}
	golden := filepath.Join("testdata", "crostini-guest.golden.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("run go test ./prow/flow -update if this is meant (-want +got):\n%s", diff)
	}
}

// Prow's loader takes the jobs, and they hold what we promise of jobs.
func TestJobsAreSound(t *testing.T) {
	p := parse(t, complete(t))
	loaded := load(t, p)
	presubmits := loaded.PresubmitsStatic["https://gerrit.example.com/crostini-guest"]
	if len(presubmits) != 2 || len(loaded.Periodics) != 4*4 {
		t.Fatalf("there are %d presubmits and %d periodics", len(presubmits), len(loaded.Periodics))
	}
	votes := map[string]string{"crostini-guest.presubmit": "Trybot-Ready+1", "crostini-guest.presubmit-cr": "Code-Review+2"}
	for _, j := range presubmits {
		if j.Annotations["slipway.dev/trigger-vote"] != votes[j.Name] || j.AlwaysRun || j.Labels["prow.k8s.io/gerrit-report-label"] != "Verified" {
			t.Errorf("%s: %v, %v, always %v", j.Name, j.Annotations, j.Labels, j.AlwaysRun)
		}
		if !j.Brancher.ShouldRun("master") || j.Brancher.ShouldRun("release-R73-11647.B") || j.Brancher.ShouldRun("master2") {
			t.Errorf("%s runs on other branches than master: %v", j.Name, j.Branches)
		}
		if len(j.Spec.Volumes) > 0 || j.Spec.ServiceAccountName != "" {
			t.Errorf("%s holds %v, %q", j.Name, j.Spec.Volumes, j.Spec.ServiceAccountName)
		}
		sound(t, j.JobBase)
	}
	for _, j := range loaded.Periodics {
		if j.MaxConcurrency != 1 {
			t.Errorf("%s may run %d times at once", j.Name, j.MaxConcurrency)
		}
		sound(t, j.JobBase)
	}
}

func sound(t *testing.T, j config.JobBase) {
	t.Helper()
	if j.DecorationConfig == nil || j.Annotations["slipway.dev/owner"] == "" || j.Annotations["testgrid-dashboards"] == "" {
		t.Errorf("%s is not decorated, owned and shown: %v", j.Name, j.Annotations)
	}
	if tab := j.Annotations["testgrid-tab-name"]; strings.ReplaceAll(tab, "/", ".") != j.Name {
		t.Errorf("%s is %s in TestGrid", j.Name, tab)
	}
	for _, c := range j.Spec.Containers {
		if !digestedRef.MatchString(c.Image) {
			t.Errorf("%s: image %s is not named by digest", j.Name, c.Image)
		}
	}
}

// Code of a repository never sees the store, and only the identity's own builds see
// its secret.
func TestOnlyTakeAndKeepSeeTheStore(t *testing.T) {
	seen := map[string]int{}
	for _, j := range load(t, parse(t, complete(t))).Periodics {
		for _, c := range j.Spec.Containers {
			for _, m := range c.VolumeMounts {
				seen[m.Name]++
				step := c.Name == "take" || c.Name == "keep"
				switch {
				case m.Name == "store" && (!step || m.ReadOnly != (c.Name == "take")):
					t.Errorf("%s: container %s sees the store", j.Name, c.Name)
				case m.Name == "credentials" && (step || !m.ReadOnly || strings.Contains(j.Name, "guest_tools") || strings.Contains(j.Name, "lxd_container")):
					t.Errorf("%s: container %s sees a credential", j.Name, c.Name)
				case m.Name == "flow" && !m.ReadOnly && c.Name != "take":
					t.Errorf("%s: container %s may change what was taken", j.Name, c.Name)
				}
			}
		}
	}
	if seen["store"] == 0 || seen["credentials"] == 0 || seen["flow"] == 0 {
		t.Errorf("seen were %v", seen)
	}
}

// The folders and marks that we name are those that Prow's pod has.
func TestPodIsAsProwMakesIt(t *testing.T) {
	loaded := load(t, parse(t, complete(t)))
	for _, j := range loaded.Periodics {
		if j.Name != "crostini-guest.74.guest_tools" {
			continue
		}
		pod, err := decorate.ProwJobToPod(pjutil.NewProwJob(pjutil.PeriodicSpec(j), nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		var repo *corev1.Container
		for i := range pod.Spec.Containers {
			if pod.Spec.Containers[i].Name == "apt-repo" {
				repo = &pod.Spec.Containers[i]
			}
		}
		env := map[string]string{}
		for _, e := range repo.Env {
			env[e.Name] = e.Value
		}
		if env["ARTIFACTS"]+"/unsigned_repo" != artifacts("unsigned_repo") {
			t.Errorf("artifacts are in %s, and %s is where we look", env["ARTIFACTS"], artifacts("unsigned_repo"))
		}
		if options := env["ENTRYPOINT_OPTIONS"]; !strings.Contains(options, `"marker_file":"/logs/apt-repo-marker.txt"`) || !strings.Contains(options, "--after=guest-tools") {
			t.Errorf("entrypoint is told %s", options)
		}
		return
	}
	t.Error("there is no job of guest_tools")
}

// A postsubmit's first stage starts by a merge, the rest look by the clock.
func TestPostsubmit(t *testing.T) {
	text := strings.Replace(complete(t), "trigger: {periodic: {interval: 6h}}", "trigger: {postsubmit: {}}", 1)
	loaded := load(t, parse(t, text))
	postsubmits := loaded.PostsubmitsStatic["https://gerrit.example.com/crostini-guest"]
	if len(postsubmits) != 4 || len(loaded.Periodics) != 3*4 {
		t.Fatalf("there are %d postsubmits and %d periodics", len(postsubmits), len(loaded.Periodics))
	}
	for _, j := range postsubmits {
		if j.Name == "crostini-guest.73.guest_tools" && (!j.Brancher.ShouldRun("release-R73-11647.B") || j.Brancher.ShouldRun("release-R73-11647xB") || j.Brancher.ShouldRun("20261121.00")) {
			t.Errorf("%s runs on %v", j.Name, j.Branches)
		}
	}
}

func TestGenerateWritesAndRemoves(t *testing.T) {
	checkout := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(checkout, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("config/flows/crostini-guest.yaml", example(t))
	write("jobs/old/deep/gone.yaml", "# Generated from config/flows/gone.yaml by `slipway job generate`. x\n")
	write("jobs/old/mine.yaml", "presubmits: {}\n")
	round := func() (whys []string) {
		t.Helper()
		changes, err := Stale(t.Context(), checkout)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			whys = append(whys, c.Path+" "+c.Why)
		}
		if err := Apply(checkout, changes); err != nil {
			t.Fatal(err)
		}
		return whys
	}
	if diff := cmp.Diff([]string{"jobs/gerrit.example.com/crostini-guest.yaml is missing", "jobs/old/deep/gone.yaml comes of no flow any more"}, round()); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	if again := round(); again != nil {
		t.Errorf("again: %v", again)
	}
	const made = "jobs/gerrit.example.com/crostini-guest.yaml"
	write(made, "# Generated from config/flows/crostini-guest.yaml by `slipway job generate`. And edited by hand.\n")
	if diff := cmp.Diff([]string{"jobs/gerrit.example.com/crostini-guest.yaml is not what its flow gives"}, round()); diff != "" {
		t.Errorf("after an edit (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(checkout, "jobs/old/mine.yaml")); err != nil {
		t.Errorf("a file of nobody's flow: %v", err)
	}
	write(made, "presubmits: {}\n")
	if _, err := Stale(t.Context(), checkout); err == nil || !strings.Contains(err.Error(), made+" is in the way") {
		t.Errorf("jobs that somebody wrote by hand would go: %v", err)
	}
}
