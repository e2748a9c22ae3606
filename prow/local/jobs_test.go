package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// load loads the configuration of testdata.
func load(t testing.TB) Jobs {
	t.Helper()
	jobs, err := Load(filepath.Join("testdata", "config.yaml"), filepath.Join("testdata", "jobs"))
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

func TestLoadSorts(t *testing.T) {
	var got []string
	for _, j := range load(t) {
		got = append(got, j.String())
	}
	want := []string{
		"plain (periodic)",
		"bare (presubmit of example/guest)",
		"jenkins-job (presubmit of example/guest)",
		"pull-branches (presubmit of example/guest, branches ^main$)",
		"pull-branches (presubmit of example/guest, branches ^release-)",
		"pull-test (presubmit of example/guest)",
		"shared (presubmit of example/guest)",
		"post-build (postsubmit of example/guest, branches ^main$)",
		"nightly (periodic of example/guest)",
		"shared (presubmit of example/other)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	tests := []struct {
		name, job, repository, branch string
		want                          string // Job.String, or a part of the error
	}{
		{name: "presubmit", job: "pull-test", want: "pull-test (presubmit of example/guest)"},
		{name: "postsubmit", job: "post-build", want: "post-build (postsubmit of example/guest, branches ^main$)"},
		{name: "periodic", job: "nightly", want: "nightly (periodic of example/guest)"},
		{name: "another repository does not exclude the only job", job: "pull-test", repository: "fork/guest", want: "pull-test (presubmit of example/guest)"},
		{name: "typing error", job: "pull-tset", want: "no job is named pull-tset; did you mean pull-test?"},
		{name: "part of a name", job: "branches", want: "did you mean pull-branches?"},
		{name: "nothing like it", job: "zzzzzzzzzzzz", want: "no job is named zzzzzzzzzzzz; `slipway job list` shows all"},
		{name: "two repositories", job: "shared", want: "2 jobs are named so: shared (presubmit of example/guest); shared (presubmit of example/other); say which with --repo"},
		{name: "chosen by repository", job: "shared", repository: "example/other", want: "shared (presubmit of example/other)"},
		{name: "two branches", job: "pull-branches", want: "say which with --repo ORG/NAME or --base-ref BRANCH"},
		{name: "chosen by branch", job: "pull-branches", branch: "release-7", want: "pull-branches (presubmit of example/guest, branches ^release-)"},
		{name: "no such branch", job: "pull-branches", branch: "dev", want: "no job named pull-branches runs on branch dev"},
		{name: "not decorated", job: "bare", want: "write decorate: true into it"},
		{name: "another agent", job: "jenkins-job", want: "job jenkins-job runs by agent jenkins"},
	}
	jobs := load(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			job, err := jobs.Find(tt.job, func(r string) bool { return r == tt.repository }, tt.branch)
			got := job.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestLoadIsStrict(t *testing.T) {
	dir := t.TempDir()
	job := "periodics:\n- name: x\n  interval: 1h\n  decorate: true\n  spec: {containers: [{image: x, commnad: [x]}]}\n"
	if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(job), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(filepath.Join("testdata", "config.yaml"), dir)
	if err == nil || !strings.Contains(err.Error(), "commnad") {
		t.Errorf("got error %v", err)
	}
	_, err = Load(filepath.Join(dir, "config.yaml"), dir)
	if err == nil || !strings.Contains(err.Error(), "--config") {
		t.Errorf("got error %v", err)
	}
}
