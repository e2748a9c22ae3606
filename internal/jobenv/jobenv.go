// Package jobenv reads the environment that Prow gives to a job.
//
// JOB_SPEC says everything; the single variables (JOB_TYPE, REPO_OWNER,
// PULL_BASE_SHA, ...) fill in where it is missing, as when a person runs a job
// binary by hand. Nothing here needs Prow's own packages.
package jobenv

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"slipway.dev/slipway/internal/checkout"
)

// Type is the kind of a Prow job.
type Type string

// The kinds of Prow jobs.
const (
	Presubmit  Type = "presubmit"
	Postsubmit Type = "postsubmit"
	Periodic   Type = "periodic"
	Batch      Type = "batch"
)

// Job is what a job is told about itself. Its zero value is a run without Prow.
type Job struct {
	Type      Type
	Name      string
	BuildID   string
	Org, Repo string
	CloneURI  string // where to fetch from
	BaseRef   string
	BaseSHA   string
	Pulls     []checkout.Pull
	Artifacts string // folder for JUnit, logs and reports
}

// BeforeMerge says whether the job runs on code that is not merged: nothing may
// be published, claimed or tagged then. Pull requests say so whatever the type does.
func (j Job) BeforeMerge() bool { return j.Type == Presubmit || j.Type == Batch || len(j.Pulls) > 0 }

type refs struct {
	Org      string `json:"org"`
	Repo     string `json:"repo"`
	BaseRef  string `json:"base_ref"`
	BaseSHA  string `json:"base_sha"`
	CloneURI string `json:"clone_uri"`
	RepoLink string `json:"repo_link"`
	Pulls    []struct {
		Number int    `json:"number"`
		SHA    string `json:"sha"`
		Ref    string `json:"ref"`
	} `json:"pulls"`
}

type spec struct {
	Type      Type   `json:"type"`
	Job       string `json:"job"`
	BuildID   string `json:"buildid"`
	Refs      *refs  `json:"refs"`
	ExtraRefs []refs `json:"extra_refs"`
}

// Read reads the job from the environment. A periodic's repository is its first
// extra ref, as Prow's own utilities take it.
func Read(getenv func(string) string) (Job, error) {
	job := Job{
		Type: Type(getenv("JOB_TYPE")), Name: getenv("JOB_NAME"), BuildID: getenv("BUILD_ID"),
		Org: getenv("REPO_OWNER"), Repo: getenv("REPO_NAME"),
		BaseRef: getenv("PULL_BASE_REF"), BaseSHA: getenv("PULL_BASE_SHA"), Artifacts: getenv("ARTIFACTS"),
	}
	if err := job.readPull(getenv); err != nil {
		return Job{}, err
	}
	if text := getenv("JOB_SPEC"); text != "" {
		if err := job.readSpec(text); err != nil {
			return Job{}, err
		}
	}
	if job.CloneURI == "" && job.Org != "" {
		job.CloneURI = "https://github.com/" + job.Org + "/" + job.Repo + ".git"
	}
	if job.BeforeMerge() && len(job.Pulls) == 0 {
		return Job{}, fmt.Errorf("a %s job has no pull request; its JOB_SPEC, or PULL_NUMBER and PULL_PULL_SHA, must name one", job.Type)
	}
	switch job.Type {
	case "", Presubmit, Postsubmit, Periodic, Batch:
		return job, nil
	}
	return Job{}, fmt.Errorf("JOB_TYPE is %q; it must be presubmit, postsubmit, periodic or batch", job.Type)
}

func (j *Job) readPull(getenv func(string) string) error {
	number := getenv("PULL_NUMBER")
	if number == "" {
		return nil
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return fmt.Errorf("PULL_NUMBER is %q, no number", number)
	}
	j.Pulls = []checkout.Pull{{Number: n, SHA: getenv("PULL_PULL_SHA")}}
	return nil
}

func (j *Job) readSpec(text string) error {
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return fmt.Errorf("parse JOB_SPEC: %w", err)
	}
	j.Type, j.Name, j.BuildID = cmp.Or(s.Type, j.Type), cmp.Or(s.Job, j.Name), cmp.Or(s.BuildID, j.BuildID)
	r := s.Refs
	if r == nil && len(s.ExtraRefs) > 0 {
		r = &s.ExtraRefs[0]
	}
	if r == nil {
		return nil
	}
	j.Org, j.Repo = cmp.Or(r.Org, j.Org), cmp.Or(r.Repo, j.Repo)
	j.BaseRef, j.BaseSHA = cmp.Or(r.BaseRef, j.BaseRef), cmp.Or(r.BaseSHA, j.BaseSHA)
	j.CloneURI = cmp.Or(r.CloneURI, r.RepoLink)
	if len(r.Pulls) > 0 {
		j.Pulls = nil
	}
	for _, p := range r.Pulls {
		j.Pulls = append(j.Pulls, checkout.Pull{Number: p.Number, SHA: p.SHA, Ref: p.Ref})
	}
	return nil
}

// BuilderID names who builds, as SLSA provenance wants it: a URI.
func (j Job) BuilderID() string {
	if j.Type == "" {
		return "https://slipway.dev/builders/command-line"
	}
	return "https://slipway.dev/builders/prow/" + j.Name
}
