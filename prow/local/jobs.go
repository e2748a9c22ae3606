package local

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/pjutil"
)

// Job is one job of the configuration, of whatever type.
type Job struct {
	Name       string              `json:"name"`
	Type       prowapi.ProwJobType `json:"type"`
	Repository string              `json:"repository"`         // ORG/NAME; of a periodic its first extra ref's, or empty
	Branches   []string            `json:"branches,omitempty"` // expressions that the base branch must match; none is all
	Image      string              `json:"image"`              // of the first container

	base  config.JobBase
	runs  func(branch string) bool                    // nil is on every branch
	spec  func(refs prowapi.Refs) prowapi.ProwJobSpec // as Prow makes it
	space string                                      // namespace of ProwJobs
}

// Jobs are all jobs of a configuration, sorted by repository, type and name.
type Jobs []Job

// Load reads Prow's configuration and a file or folder of jobs as strictly as Prow
// can: a field that Prow does not know is an error.
func Load(configFile, jobs string) (Jobs, error) {
	for _, path := range []string{configFile, jobs} {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("load the jobs: %w; name Prow's configuration with --config and its jobs with --job-config", err)
		}
	}
	loaded, err := config.LoadStrict(configFile, jobs, nil, "")
	if err != nil {
		return nil, fmt.Errorf("load the jobs of %s and %s: %w", configFile, jobs, err)
	}
	// Loading has set the level at which Prow's components log. Here its libraries would
	// tell of every signal.
	logrus.SetLevel(logrus.WarnLevel)
	all := presubmits(loaded)
	all = append(all, postsubmits(loaded)...)
	all = append(all, periodics(loaded)...)
	for i := range all {
		all[i].space = loaded.ProwJobNamespace
	}
	slices.SortStableFunc(all, func(a, b Job) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.order(), b.order()), cmp.Compare(a.Name, b.Name))
	})
	return all, nil
}

func presubmits(c *config.Config) Jobs {
	var jobs Jobs
	for repository, list := range c.PresubmitsStatic {
		for _, p := range list {
			job := newJob(p.JobBase, prowapi.PresubmitJob, repository)
			job.Branches, job.runs = p.Branches, p.Brancher.ShouldRun
			job.spec = func(refs prowapi.Refs) prowapi.ProwJobSpec { return pjutil.PresubmitSpec(p, refs) }
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func postsubmits(c *config.Config) Jobs {
	var jobs Jobs
	for repository, list := range c.PostsubmitsStatic {
		for _, p := range list {
			job := newJob(p.JobBase, prowapi.PostsubmitJob, repository)
			job.Branches, job.runs = p.Branches, p.Brancher.ShouldRun
			job.spec = func(refs prowapi.Refs) prowapi.ProwJobSpec { return pjutil.PostsubmitSpec(p, refs) }
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func periodics(c *config.Config) Jobs {
	var jobs Jobs
	for _, p := range c.Periodics {
		repository := ""
		if len(p.ExtraRefs) > 0 {
			repository = p.ExtraRefs[0].Org + "/" + p.ExtraRefs[0].Repo
		}
		job := newJob(p.JobBase, prowapi.PeriodicJob, repository)
		job.spec = func(prowapi.Refs) prowapi.ProwJobSpec { return pjutil.PeriodicSpec(p) }
		jobs = append(jobs, job)
	}
	return jobs
}

func newJob(base config.JobBase, kind prowapi.ProwJobType, repository string) Job {
	job := Job{Name: base.Name, Type: kind, Repository: repository, base: base}
	if base.Spec != nil && len(base.Spec.Containers) > 0 {
		job.Image = base.Spec.Containers[0].Image
	}
	return job
}

// order puts jobs as a change meets them.
func (j Job) order() int {
	return slices.Index([]prowapi.ProwJobType{prowapi.PresubmitJob, prowapi.PostsubmitJob, prowapi.PeriodicJob}, j.Type)
}

// RunsOn says whether Prow would run the job for a base branch.
func (j Job) RunsOn(branch string) bool { return j.runs == nil || j.runs(branch) }

func (j Job) String() string {
	text := fmt.Sprintf("%s (%s", j.Name, j.Type)
	if j.Repository != "" {
		text += " of " + j.Repository
	}
	if len(j.Branches) > 0 {
		text += ", branches " + strings.Join(j.Branches, ", ")
	}
	return text + ")"
}

// Find is the job of that name. Where more than one has it, those of a repository
// (ORG/NAME) that is meant are chosen, and then those of branch, if it is not empty.
func (jobs Jobs) Find(name string, meant func(repository string) bool, branch string) (Job, error) {
	named := jobs.where(func(j Job) bool { return j.Name == name })
	if len(named) == 0 {
		return Job{}, fmt.Errorf("no job is named %s%s; `slipway job list` shows all", name, jobs.nearest(name))
	}
	if len(named) > 1 {
		if of := named.where(func(j Job) bool { return meant(j.Repository) }); len(of) > 0 {
			named = of
		}
	}
	if len(named) > 1 && branch != "" {
		named = named.where(func(j Job) bool { return j.RunsOn(branch) })
	}
	switch len(named) {
	case 1:
		return named[0], named[0].check()
	case 0:
		return Job{}, fmt.Errorf("no job named %s runs on branch %s; `slipway job list` shows their branches", name, branch)
	}
	var which []string
	for _, j := range named {
		which = append(which, j.String())
	}
	return Job{}, fmt.Errorf("%d jobs are named so: %s; say which with --repo ORG/NAME or --base-ref BRANCH", len(named), strings.Join(which, "; "))
}

func (jobs Jobs) where(keep func(Job) bool) Jobs {
	var kept Jobs
	for _, j := range jobs {
		if keep(j) {
			kept = append(kept, j)
		}
	}
	return kept
}

// nearest offers the names that somebody may have meant, nearest first.
func (jobs Jobs) nearest(name string) string {
	distance := func(other string) int { return levenshtein.Distance(name, other, nil) }
	var near []string
	for _, j := range jobs {
		if distance(j.Name) <= max(2, len(name)/3) || strings.Contains(j.Name, name) {
			near = append(near, j.Name)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	near = slices.Compact(near)
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near[:min(3, len(near))], ", ") + "?"
}

// check says why a job cannot be run here.
func (j Job) check() error {
	switch {
	case j.base.Agent != string(prowapi.KubernetesAgent):
		return fmt.Errorf("job %s runs by agent %s; only one with agent: kubernetes has a pod to run", j.Name, j.base.Agent)
	case j.base.DecorationConfig == nil:
		return fmt.Errorf("job %s is not decorated, so nothing would fetch its sources or keep its logs; write decorate: true into it", j.Name)
	}
	return nil
}

// container is the job's own container that arguments and variables are for.
func container(spec *corev1.PodSpec) *corev1.Container { return &spec.Containers[0] }
