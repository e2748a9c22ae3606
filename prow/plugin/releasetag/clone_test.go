package releasetag_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pjutil"
	"sigs.k8s.io/prow/pkg/pod-utils/clone"
	"sigs.k8s.io/prow/pkg/pod-utils/decorate"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// A tag is no branch: Prow's own code must check it out, and the job of this
// repository must be told its name. The tag is annotated, and not at a branch's tip.
func TestStartedJobRuns(t *testing.T) {
	need.Tool(t, "git", "git")
	r := newRig(t)
	object := r.call("stable-one", http.MethodPost, "tags", map[string]any{"tag": "v1.2.4", "message": "Release", "object": r.first, "type": "commit"})
	r.tag("stable-one", "v1.2.4", object["sha"].(string))
	started := r.list()
	if len(started) != 1 {
		t.Fatalf("%d ProwJobs", len(started))
	}
	refs := *started[0].Spec.Refs
	if got := r.checkout(refs); got != r.first {
		t.Errorf("clonerefs checked out %s, want %s", got, r.first)
	}
	options := entrypoint(t, refs)
	if !strings.Contains(options, `"--tag=v1.2.4"`) || strings.Contains(options, "$(") {
		t.Errorf("the container runs %s", options)
	}
}

// checkout clones as clonerefs does, and gives the commit that is there then.
func (r *rig) checkout(refs prowapi.Refs) string {
	r.t.Helper()
	for name, value := range map[string]string{"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"} {
		r.t.Setenv("GIT_CONFIG_"+name, value)
	}
	refs.CloneURI = "file://" + r.repoDir
	dir := r.t.TempDir()
	if record := clone.Run(refs, dir, "ci-robot", "ci-robot@example.com", "", nil, nil, nil); record.Failed {
		r.t.Fatalf("%+v", record)
	}
	out, err := exec.Output(r.t.Context(), exec.Cmd{Args: []string{"git", "-C", clone.PathForRefs(dir, refs), "rev-parse", "HEAD"}})
	r.check(err)
	return strings.TrimSpace(string(out))
}

// entrypoint is what the container of hello-os-stable is told to run, with variables
// put in as Kubernetes does: those that stand before.
func entrypoint(t *testing.T, refs prowapi.Refs) string {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	loaded, err := config.LoadStrict(filepath.Join(root, "config", "config.yaml"), filepath.Join(root, "jobs"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	jobs := loaded.GetPostsubmitsStatic("example/hello-os")
	at := slices.IndexFunc(jobs, func(j config.Postsubmit) bool { return j.Name == "hello-os-stable" })
	if at < 0 {
		t.Fatal("hello-os-stable is gone")
	}
	job := pjutil.NewProwJob(pjutil.PostsubmitSpec(jobs[at], refs), nil, nil)
	job.Status.BuildID = "1"
	pod, err := decorate.ProwJobToPod(job)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	variable := regexp.MustCompile(`\$\(([A-Z_]+)\)`)
	for _, env := range pod.Spec.Containers[0].Env {
		known[env.Name] = variable.ReplaceAllStringFunc(env.Value, func(name string) string {
			if value, ok := known[strings.Trim(name, "$()")]; ok {
				return value
			}
			return name
		})
	}
	return known["ENTRYPOINT_OPTIONS"]
}
