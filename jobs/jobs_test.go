// Package jobs checks the jobs of this folder with Prow's own loader.
package jobs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
)

func load(t *testing.T) *config.Config {
	t.Helper()
	loaded, err := config.LoadStrict(filepath.Join("..", "config", "config.yaml"), ".", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// pods visits the pod of every job.
func pods(c *config.Config, visit func(name string, kind prowapi.ProwJobType, base config.JobBase)) {
	for _, jobs := range c.PresubmitsStatic {
		for _, j := range jobs {
			visit(j.Name, prowapi.PresubmitJob, j.JobBase)
		}
	}
	for _, jobs := range c.PostsubmitsStatic {
		for _, j := range jobs {
			visit(j.Name, prowapi.PostsubmitJob, j.JobBase)
		}
	}
	for _, j := range c.Periodics {
		visit(j.Name, prowapi.PeriodicJob, j.JobBase)
	}
}

var digested = regexp.MustCompile(`^registry\.example\.com/slipway/images/(.+)@sha256:[0-9a-f]{64}$`)

// Every image that a job names lies in images/ and is named by its digest.
func TestImagesAreOfTheTree(t *testing.T) {
	seen := 0
	pods(load(t), func(job string, _ prowapi.ProwJobType, base config.JobBase) {
		utilities := base.DecorationConfig.UtilityImages
		names := []string{utilities.CloneRefs, utilities.InitUpload, utilities.Entrypoint, utilities.Sidecar}
		for _, list := range [][]corev1.Container{base.Spec.InitContainers, base.Spec.Containers} {
			for _, c := range list {
				names = append(names, c.Image)
			}
		}
		for _, name := range names {
			seen++
			match := digested.FindStringSubmatch(name)
			if match == nil || strings.HasSuffix(name, strings.Repeat("0", 64)) {
				t.Errorf("%s names image %s, which is no image of registry.example.com by digest", job, name)
				continue
			}
			if _, err := os.Stat(filepath.Join("..", "images", filepath.FromSlash(match[1]), "Dockerfile")); err != nil {
				t.Errorf("%s names image %s: %v", job, match[1], err)
			}
		}
	})
	if seen < 30 {
		t.Errorf("only %d images were looked at", seen)
	}
}

// Every job is decorated, so that it runs under `slipway job run` as in the cluster.
func TestJobsAreDecorated(t *testing.T) {
	pods(load(t), func(job string, _ prowapi.ProwJobType, base config.JobBase) {
		if base.DecorationConfig == nil || base.Agent != string(prowapi.KubernetesAgent) {
			t.Errorf("%s is not decorated", job)
		}
	})
}

// A postsubmit without branches runs for tags too, such as those it makes itself.
func TestPostsubmitsNameTheirBranches(t *testing.T) {
	for _, list := range load(t).PostsubmitsStatic {
		for _, j := range list {
			if len(j.Branches) == 0 || j.Brancher.ShouldRun("20261121.00") {
				t.Errorf("%s runs for tags; give it branches: [^main$]", j.Name)
			}
			for _, branch := range j.Branches {
				if !strings.HasPrefix(branch, "^") || !strings.HasSuffix(branch, "$") {
					t.Errorf("%s runs on branches %s, which matches more than it says; write ^%s$", j.Name, branch, branch)
				}
			}
		}
	}
}

// Presubmits run code that nobody has reviewed: they hold no secret and no privilege.
func TestPresubmitsHoldNothing(t *testing.T) {
	pods(load(t), func(job string, kind prowapi.ProwJobType, base config.JobBase) {
		if kind != prowapi.PresubmitJob {
			return
		}
		for _, v := range base.Spec.Volumes {
			if v.Secret != nil || v.PersistentVolumeClaim != nil || v.HostPath != nil || v.Projected != nil {
				t.Errorf("%s mounts volume %s", job, v.Name)
			}
		}
		for _, c := range base.Spec.Containers {
			if c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged {
				t.Errorf("%s is privileged", job)
			}
			for _, e := range c.Env {
				if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
					t.Errorf("%s has the secret %s", job, e.ValueFrom.SecretKeyRef.Name)
				}
			}
		}
	})
}
