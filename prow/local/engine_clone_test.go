package local

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/gitrepo"
)

const podUtilitiesImage = "slipway.dev/images/pod-utilities:latest"

// The image of the pod utilities clones what a job refers to: it has git.
func TestPodmanClones(t *testing.T) {
	r := newRig(t)
	load := exec.Cmd{Args: []string{"go", "run", "./cmd/slipway", "image", "load", "pod-utilities"}, Dir: filepath.Join("..", "..")}
	if _, err := exec.Output(t.Context(), load); err != nil {
		t.Fatal(err)
	}
	remote := gitrepo.New(t)
	remote.Commit(t, map[string]string{"README": "hello from the clone\n"})
	plan := r.plan(t, nil, r.script("", "cat README"))
	plan.ProwJob.Spec.DecorationConfig.UtilityImages = &prowapi.UtilityImages{
		CloneRefs: podUtilitiesImage, InitUpload: podUtilitiesImage, Entrypoint: podUtilitiesImage, Sidecar: podUtilitiesImage}
	plan.ProwJob.Spec.ExtraRefs = []prowapi.Refs{{Org: "org", Repo: "repo", BaseRef: "main", CloneURI: "file:///remote.git"}}
	plan = r.decorated(t, plan)
	plan.Local.Spec.Volumes = append(plan.Local.Spec.Volumes, corev1.Volume{Name: "remote",
		VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: remote.Dir}}})
	clonerefs := &plan.Local.Spec.InitContainers[0]
	clonerefs.VolumeMounts = append(clonerefs.VolumeMounts, corev1.VolumeMount{Name: "remote", MountPath: "/remote.git"})

	result, log := r.run(t, r.engine(plan), plan)
	if result.State != prowapi.SuccessState || said(log, "test") != "hello from the clone\n" {
		t.Errorf("got %+v", result)
	}
	for _, name := range []string{"clone-log.txt", "clone-records.json"} {
		if found, err := filepath.Glob(filepath.Join(plan.Output, name)); err != nil || len(found) != 1 {
			t.Errorf("there is no %s", name)
		}
	}
	want := []Container{{"clonerefs", true, 0}, {"initupload", true, 0}, {"place-entrypoint", true, 0}, {"test", false, 0}, {"sidecar", false, 0}}
	if diff := cmp.Diff(want, result.Containers); diff != "" {
		t.Errorf("containers (-want +got):\n%s", diff)
	}
}
