package config

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/prow/annotation"
)

// load reads config.yaml with the jobs, as Prow does.
func load(t *testing.T) *config.Config {
	t.Helper()
	loaded, err := config.LoadStrict("config.yaml", filepath.Join("..", "jobs"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// visitJobs shows every job, with its kind and the repository that it is of.
func visitJobs(c *config.Config, visit func(kind prowapi.ProwJobType, repo string, job config.JobBase)) {
	for repo, jobs := range c.PresubmitsStatic {
		for _, j := range jobs {
			visit(prowapi.PresubmitJob, repo, j.JobBase)
		}
	}
	for repo, jobs := range c.PostsubmitsStatic {
		for _, j := range jobs {
			visit(prowapi.PostsubmitJob, repo, j.JobBase)
		}
	}
	for _, j := range c.Periodics {
		repo := ""
		if len(j.ExtraRefs) > 0 {
			repo = j.ExtraRefs[0].OrgRepoString()
		}
		visit(prowapi.PeriodicJob, repo, j.JobBase)
	}
}

// config.yaml is what Prow's components are started with: it must load, as strictly
// as Prow can, without any job.
func TestConfigLoads(t *testing.T) {
	loaded, err := config.LoadStrict("config.yaml", "", nil, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{"build", "trusted"} {
		dc := loaded.Plank.GuessDefaultDecorationConfig("example/hello-guest", cluster)
		if err := dc.Validate(); err != nil {
			t.Fatal(err)
		}
		if got, want := dc.Timeout.Get(), 2*time.Hour; got != want {
			t.Errorf("jobs on %s end after %v, want %v", cluster, got, want)
		}
		if got, want := dc.GracePeriod.Get(), 15*time.Second; got != want {
			t.Errorf("jobs on %s are killed %v after they were told to end, want %v", cluster, got, want)
		}
		if loaded.Plank.PodRunningTimeout.Duration <= dc.Timeout.Get()+dc.GracePeriod.Get() {
			t.Errorf("plank ends pods after %v, before their own timeout of %v", loaded.Plank.PodRunningTimeout, dc.Timeout)
		}
	}
}

// What runs code that nobody reviewed runs where no publishing secret is, and what
// publishes runs where nothing else does. Prow's own cluster runs no job.
func TestClusters(t *testing.T) {
	seen := map[string]int{}
	visitJobs(load(t), func(kind prowapi.ProwJobType, _ string, job config.JobBase) {
		seen[job.Cluster]++
		switch {
		case job.Cluster != "build" && job.Cluster != "trusted":
			t.Errorf("%s runs on cluster %s; say build or trusted", job.Name, job.Cluster)
		case kind == prowapi.PresubmitJob && job.Cluster != "build":
			t.Errorf("presubmit %s runs on cluster %s; say build", job.Name, job.Cluster)
		case job.Cluster == "build" && holdsSomething(job):
			t.Errorf("%s mounts a secret or a claim on cluster build; say trusted", job.Name)
		case job.Cluster == "trusted" && job.MaxConcurrency != 1:
			t.Errorf("%s runs beside itself on cluster trusted; say max_concurrency: 1", job.Name)
		}
	})
	if seen["build"] < 15 || seen["trusted"] < 8 {
		t.Errorf("only %v jobs were looked at", seen)
	}
}

func holdsSomething(job config.JobBase) bool {
	for _, v := range job.Spec.Volumes {
		if v.Secret != nil || v.PersistentVolumeClaim != nil || v.Projected != nil {
			return true
		}
	}
	return false
}

// No button of deck starts again what publishes or promotes, for anybody.
func TestNobodyRerunsTrustedJobs(t *testing.T) {
	loaded := load(t)
	allows := func(repo string, job config.JobBase) bool {
		org, name := filepath.Split(repo)
		spec := &prowapi.ProwJobSpec{Cluster: job.Cluster, Refs: &prowapi.Refs{Org: filepath.Clean(org), Repo: name}}
		for _, auth := range []*prowapi.RerunAuthConfig{loaded.Deck.GetRerunAuthConfig(spec), job.RerunAuthConfig} {
			if auth != nil && (auth.AllowAnyone || len(auth.GitHubOrgs)+len(auth.GitHubUsers)+len(auth.GitHubTeamIDs)+len(auth.GitHubTeamSlugs) > 0) {
				return true
			}
		}
		return false
	}
	seen := 0
	visitJobs(loaded, func(_ prowapi.ProwJobType, repo string, job config.JobBase) {
		if got, want := allows(repo, job), job.Cluster != "trusted"; got != want {
			t.Errorf("%s, on cluster %s, may be run again: %v, want %v", job.Name, job.Cluster, got, want)
		}
		if job.Name == "slipway-promote" || job.Name == "hello-os-stable" {
			seen++
		}
	})
	if seen != 2 {
		t.Error("slipway-promote or hello-os-stable is gone")
	}
}

// What moves a channel is a postsubmit, so that Prow checks and defaults it, and no
// push starts it: the plugin does, when it knows who asked.
func TestNoPushPromotes(t *testing.T) {
	promotes := []string{}
	for repo, list := range load(t).PostsubmitsStatic {
		for _, j := range list {
			if len(j.Spec.Containers[0].Args) == 0 || j.Spec.Containers[0].Command[0] != "promoter" {
				continue
			}
			promotes = append(promotes, j.Name)
			for _, ref := range []string{"main", "master", "release-1", "v1.2.3", "v1.2.3-test", "20261121.00", "refs/tags/v1.2.3", "x y", ""} {
				if j.CouldRun(ref) {
					t.Errorf("a push of %q to %s starts %s; say branches: [\"^ $\"]", ref, repo, j.Name)
				}
			}
		}
	}
	if len(promotes) < 3 {
		t.Errorf("only %v promote", promotes)
	}
}

// A change of what decides is held to all rules before it merges.
func TestConfigIsCheckedBeforeItMerges(t *testing.T) {
	presubmits := load(t).PresubmitsStatic["slipway/slipway"]
	at := slices.IndexFunc(presubmits, func(p config.Presubmit) bool { return p.Spec.Containers[0].Command[0] == "config-check" })
	if at < 0 {
		t.Fatal("no presubmit runs config-check")
	}
	for _, file := range []string{"config/config.yaml", "config/flows/new.yaml", "jobs/example/new.yaml", "images/new/Dockerfile", "OWNERS", "OWNERS_ALIASES", "config/approvers/stable/OWNERS"} {
		if !presubmits[at].RunsAgainstChanges([]string{file}) || presubmits[at].Optional || presubmits[at].SkipReport {
			t.Errorf("%s may be merged before %s has looked at it", file, presubmits[at].Name)
		}
	}
}

// What is asked about all channels can open all their locations.
func TestPromotersReachEveryLocation(t *testing.T) {
	channels, err := channel.Load("channels.yaml")
	if err != nil {
		t.Fatal(err)
	}
	buckets := slices.ContainsFunc(channels.Artifacts, func(a channel.Artifact) bool {
		return strings.HasPrefix(a.Location, "gs://") || slices.ContainsFunc(slices.Collect(maps.Values(a.Locations)), func(l string) bool { return strings.HasPrefix(l, "gs://") })
	})
	seen := 0
	visitJobs(load(t), func(_ prowapi.ProwJobType, _ string, job config.JobBase) {
		c := job.Spec.Containers[0]
		if len(c.Args) == 0 || c.Command[0] != "promoter" || !slices.Contains([]string{"apply", "audit", "resume"}, c.Args[0]) || job.Annotations[annotation.Channel] != "" {
			return
		}
		seen++
		at := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "GOOGLE_APPLICATION_CREDENTIALS" })
		if buckets && (at < 0 || !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path.Dir(c.Env[at].Value) })) {
			t.Errorf("%s has no credentials for the buckets of channels.yaml", job.Name)
		}
	})
	if seen != 3 {
		t.Errorf("%d jobs are about all channels", seen)
	}
}

// TestGrid shows every job, and tells its owners when it breaks.
func TestEveryJobIsOnTestGrid(t *testing.T) {
	tabs := map[string]string{}
	visitJobs(load(t), func(_ prowapi.ProwJobType, repo string, job config.JobBase) {
		for _, name := range []string{"testgrid-dashboards", "testgrid-tab-name", "testgrid-alert-email", "description"} {
			if generated := strings.HasPrefix(repo, "http"); job.Annotations[name] == "" && !(generated && name == "testgrid-alert-email") {
				t.Errorf("%s has no annotation %s", job.Name, name)
			}
		}
		tab := job.Annotations["testgrid-dashboards"] + "/" + job.Annotations["testgrid-tab-name"]
		if tabs[tab] != "" {
			t.Errorf("%s and %s have one tab, %s", tabs[tab], job.Name, tab)
		}
		tabs[tab] = job.Name
	})
}
