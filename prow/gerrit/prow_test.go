package gerrit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gogerrit "github.com/andygrunwald/go-gerrit"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/gerrit/client"
	"sigs.k8s.io/prow/pkg/pjutil"
	"sigs.k8s.io/prow/pkg/pod-utils/clone"

	"slipway.dev/slipway/internal/testkit/gitrepo"
)

// The ProwJob says of the change what Prow's adapter would.
func TestProwJob(t *testing.T) {
	w := newWorld(t)
	change := w.add(1234)
	change.upload()
	change.vote("Trybot-Ready", 1, 1)
	w.poll(t)
	job := w.prowJobs()[0]
	wantRefs := &prowapi.Refs{
		Org: instance, Repo: project, BaseRef: "master", BaseSHA: strings.Repeat("b", 40),
		CloneURI: instance + "/crostini-guest", RepoLink: instance + "/crostini-guest",
		BaseLink: instance + "/crostini-guest/+/" + strings.Repeat("b", 40),
		Pulls: []prowapi.Pull{{
			Number: 1234, Author: "Maintainer One", SHA: change.revision(), Ref: "refs/changes/34/1234/2",
			Link: instance + "/c/crostini-guest/+/1234", CommitLink: instance + "/crostini-guest/+/" + change.revision(),
			AuthorLink: instance + "/q/maintainer-one@example.com",
		}},
	}
	if diff := cmp.Diff(wantRefs, job.Spec.Refs); diff != "" {
		t.Errorf("refs (-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{
		"prow.k8s.io/gerrit-revision": change.revision(), "prow.k8s.io/gerrit-patchset": "2", "prow.k8s.io/gerrit-report-label": "Verified",
		"prow.k8s.io/type": "presubmit", "prow.k8s.io/refs.org": "gerrit.example.com", "prow.k8s.io/refs.repo": "crostini-guest", "prow.k8s.io/refs.pull": "1234",
	} {
		if job.Labels[key] != want {
			t.Errorf("label %s is %q, want %q", key, job.Labels[key], want)
		}
	}
	for key, want := range map[string]string{"prow.k8s.io/gerrit-id": "crostini-guest~1234", "prow.k8s.io/gerrit-instance": instance} {
		if job.Annotations[key] != want {
			t.Errorf("annotation %s is %q, want %q", key, job.Annotations[key], want)
		}
	}
	if !strings.HasPrefix(job.Name, "gerrit-1234-2-") || job.Status.State != prowapi.TriggeredState || !job.Spec.Report || job.Namespace != "prow" {
		t.Errorf("%s in %s, state %s, report %v", job.Name, job.Namespace, job.Status.State, job.Spec.Report)
	}
}

// Clonerefs checks the patch set out that was voted for, merged into its branch.
func TestClonerefs(t *testing.T) {
	repo := gitrepo.New(t)
	base := repo.Commit(t, map[string]string{"base": "1\n"})
	patchSet := repo.Commit(t, map[string]string{"base": "1\n", "change": "2\n"})
	repo.Git("update-ref", "refs/changes/05/5/1", patchSet)
	repo.Git("update-ref", "refs/heads/master", base)

	w := newWorld(t)
	w.add(5).vote("Trybot-Ready", 1, 1)
	w.poll(t)
	refs := *w.prowJobs()[0].Spec.Refs
	if refs.Pulls[0].Ref != "refs/changes/05/5/1" {
		t.Fatalf("ref is %s", refs.Pulls[0].Ref)
	}
	refs.CloneURI, refs.BaseSHA, refs.Pulls[0].SHA = repo.URL, base, patchSet // the fake has no git
	dir := t.TempDir()
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "safe.directory")
	t.Setenv("GIT_CONFIG_VALUE_0", "*")
	clone := clone.Run(refs, dir, "ci-robot", "ci-robot@example.com", "", nil, nil, nil)
	if clone.Failed {
		t.Fatalf("%+v", clone)
	}
	path := filepath.Join(dir, "src", "gerrit.example.com", project, "change")
	if _, err := os.Stat(path); err != nil {
		found, _ := filepath.Glob(filepath.Join(dir, "src", "*", "*", "*"))
		t.Errorf("%v; there is %v", err, found)
	}
}

// What would surprise is found before anybody votes.
func TestCheck(t *testing.T) {
	if errs := Check(load(t, jobs)); len(errs) != 0 {
		t.Errorf("the jobs that all tests have: %v", errs)
	}
	for change, want := range map[[2]string]string{
		{"Trybot-Ready+1", "Trybot-Ready"}:                                                      "write a label of Gerrit and a value",
		{"always_run: false\n    decorate", "always_run: true\n    decorate"}:                   "always_run to false",
		{"always_run: false\n    decorate", "run_if_changed: \"a\"\n    decorate"}:              "at each upload, without a vote",
		{"    labels: {prow.k8s.io/gerrit-report-label: Verified}\n    spec: &", "    spec: &"}: "Prow votes Code-Review",
		{"INSTANCE/crostini-guest", "INSTANCE/another"}:                                         "gerrit.org_repos_config",
	} {
		text := strings.Replace(jobs, change[0], change[1], 1)
		if text == jobs {
			t.Fatalf("%q is not there to be replaced", change[0])
		}
		errs := Check(load(t, text))
		if len(errs) == 0 || !strings.Contains(errs[0].Error(), want) || !strings.Contains(errs[0].Error(), "presubmit") {
			t.Errorf("%q: %v, want %q", change[1], errs, want)
		}
	}
}

// A job that is written wrongly leaves the others alone.
func TestWrongJobIsSetAside(t *testing.T) {
	w := newWorld(t)
	w.add(5).vote("Trybot-Ready", 1, 1).vote("Code-Review", 1, 2)
	trigger := newTrigger(load(t, strings.Replace(jobs, "Trybot-Ready+1", "Trybot-Ready", 1)), w.fake, w.cluster, w.log)
	if err := trigger.Poll(t.Context()); err == nil || !strings.Contains(err.Error(), "job presubmit:") {
		t.Errorf("err = %v", err)
	}
	if got, want := w.started(), []string{"5/1/presubmit-cr"}; !slices.Equal(got, want) {
		t.Errorf("started %v, want %v", got, want)
	}
}

// What Prow's adapter does at each upload starts none of the jobs that wait for a
// vote; run_if_changed would, which is why Check refuses it.
func TestAdapterStartsNone(t *testing.T) {
	for text, want := range map[string]int{jobs: 0, strings.Replace(jobs, "always_run: false", "run_if_changed: debian", 1): 1} {
		change := gogerrit.ChangeInfo{CurrentRevision: "a", Revisions: map[string]gogerrit.RevisionInfo{"a": {Files: map[string]gogerrit.FileInfo{"debian/rules": {}}}}}
		presubmits := load(t, text).GetPresubmitsStatic(instance + "/" + project)
		started, err := pjutil.FilterPresubmits(pjutil.NewTestAllFilter(), client.ChangedFilesProvider(&change), "master", presubmits, logrus.NewEntry(logrus.New()))
		if err != nil || len(started) != want || len(presubmits) != 2 {
			t.Errorf("an upload starts %d of %d jobs, want %d: %v", len(started), len(presubmits), want, err)
		}
	}
}

// The configuration of this tree names the guest containers' project.
func TestOurConfiguration(t *testing.T) {
	cfg, err := config.LoadStrict("../../config/config.yaml", "", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := projectsOf(cfg)[instance][project]; !ok {
		t.Errorf("gerrit.org_repos_config has %v", projectsOf(cfg))
	}
	if cfg.Gerrit.IsAllowedPresubmitTrigger(record(gogerrit.ChangeInfo{}, []start{{voted{config.Presubmit{JobBase: config.JobBase{Name: "presubmit"}}, Vote{"Trybot-Ready", 1}}, "gerrit-1"}})) {
		t.Error("Prow's adapter takes what we record for a command")
	}
	for _, command := range []string{"/test all", "Patch Set 3:\n\n/test presubmit", "/retest"} {
		if !cfg.Gerrit.IsAllowedPresubmitTrigger(command) {
			t.Errorf("Prow's adapter ignores %q", command)
		}
	}
}

// The names are part of what a running system remembers: a new version that names jobs
// otherwise starts them all again.
func TestNamesStayTheSame(t *testing.T) {
	got := jobName(instance, gogerrit.ChangeInfo{Project: project, Number: 1234}, 2, "presubmit")
	if want := "gerrit-1234-2-"; !strings.HasPrefix(got, want) || len(got) != len(want)+20 {
		t.Errorf("name is %s", got)
	}
	var seen []string
	for _, change := range []gogerrit.ChangeInfo{{Project: project, Number: 1}, {Project: "another", Number: 1}, {Project: project, Number: 11}} {
		for _, patchSet := range []int{1, 11} {
			for _, job := range []string{"presubmit", "presubmit-cr"} {
				for _, at := range []string{instance, "https://another.example.com"} {
					seen = append(seen, jobName(at, change, patchSet, job))
				}
			}
		}
	}
	all := len(seen)
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != all {
		t.Errorf("%d starts share %d names", all, n)
	}
}

// asJSON is for requests to the fake of Prow.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
