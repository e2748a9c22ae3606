package local

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

func (r *rig) testImageMissing(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.Local.Spec.Containers[0].Image = "slipway.dev/images/no-such-image:latest"
	result, err := r.engine(plan).Run(t.Context(), plan, io.Discard)
	want := "container test: image slipway.dev/images/no-such-image:latest is not on this machine; run `slipway image load` or `podman pull slipway.dev/images/no-such-image:latest`"
	if err == nil || err.Error() != want {
		t.Errorf("got %+v, %v; want %s", result, err, want)
	}
	if _, err := os.Stat(plan.Output); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was begun: %v", err)
	}
}

func (r *rig) testCannotStart(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.Local.Spec.Containers[0].Command = []string{"/no/such/program"}
	var log buffer
	result, err := r.engine(plan).Run(t.Context(), plan, &log)
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") || result.State != prowapi.ErrorState {
		t.Errorf("got %+v, %v", result, err)
	}
	if pj := readJSON[prowapi.ProwJob](t, plan, "prowjob.json"); pj.Status.State != prowapi.ErrorState {
		t.Errorf("prowjob.json has the status %+v", pj.Status)
	}
	r.check(t, plan, &log)
}

// A run that cannot even begin leaves nothing either.
func (r *rig) testCannotPrepare(t *testing.T) {
	plan := r.plan(t, nil, r.script("", "true"))
	plan.Files = append(plan.Files, File{Path: filepath.Join(plan.Scratch, "secret"), Mode: 0o400, From: "/no/such/file"})
	var log buffer
	if result, err := r.engine(plan).Run(t.Context(), plan, &log); err == nil || !strings.Contains(err.Error(), "/no/such/file") {
		t.Errorf("got %+v, %v", result, err)
	}
	r.check(t, plan, &log)
}

// A podman that does not work is told by its own words, with what would install it.
func TestPodmanBroken(t *testing.T) {
	need.Tool(t, "podman", "podman")
	installed, err := exec.LookPath("podman")
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ $1 = kube ] && { echo Error: no cgroups here >&2; exit 125; }\nexec " + installed + " \"$@\"\n"
	folder := filepath.Dir(newFile(t, "podman", []byte(script)))
	if err := os.Chmod(filepath.Join(folder, "podman"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	p, err := podman.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{p, "localhost/never-there"}
	plan := r.plan(t, nil, r.script("", "true"))
	for i := range plan.Local.Spec.Containers {
		plan.Local.Spec.Containers[i].ImagePullPolicy = ""
	}
	for i := range plan.Local.Spec.InitContainers {
		plan.Local.Spec.InitContainers[i].ImagePullPolicy = ""
	}
	var log buffer
	result, err := r.engine(plan).Run(t.Context(), plan, &log)
	if err == nil || !strings.Contains(err.Error(), "Error: no cgroups here") || !strings.Contains(err.Error(), podman.Install) {
		t.Errorf("got %v", err)
	}
	if result.State != prowapi.ErrorState {
		t.Errorf("got %+v", result)
	}
	r.check(t, plan, &log)
}
