package flow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/kube"

	"slipway.dev/slipway/prow/annotation"
)

// maxJobName is what Kubernetes takes as the value of a label, where Prow puts it.
const maxJobName = 63

// Jobs are Prow jobs as one file holds them.
type Jobs struct {
	Presubmits  map[string][]config.Presubmit  `json:"presubmits,omitempty"`
	Postsubmits map[string][]config.Postsubmit `json:"postsubmits,omitempty"`
	Periodics   []config.Periodic              `json:"periodics,omitempty"`
}

// Jobs are the Prow jobs of all flows, as far as their builds are here.
func (p *Project) Jobs() (Jobs, error) {
	graphs, err := p.Graphs()
	if err != nil {
		return Jobs{}, err
	}
	var jobs Jobs
	for _, g := range graphs {
		for _, s := range g.Stages {
			if len(g.runnable(s)) > 0 {
				jobs.add(g, s)
			}
		}
	}
	return jobs, nil
}

// add makes a stage's job. Its first stage starts as the flow does; what follows
// looks by the clock for what has come.
func (j *Jobs) add(g Graph, s Stage) {
	base := g.base(s)
	repository := g.Project.Repository
	name := repository.Org + "/" + repository.Repo
	branch := config.Brancher{Branches: []string{"^" + regexp.QuoteMeta(g.Branch) + "$"}}
	switch t := g.Trigger; {
	case t.Presubmit != nil:
		if j.Presubmits == nil {
			j.Presubmits = map[string][]config.Presubmit{}
		}
		base.PathAlias, base.CloneURI = repository.pathAlias(), repository.CloneURI
		j.Presubmits[name] = append(j.Presubmits[name], config.Presubmit{
			JobBase: base, Brancher: branch, AlwaysRun: t.Presubmit.always()})
	case t.Postsubmit != nil && len(s.Needs) == 0:
		if j.Postsubmits == nil {
			j.Postsubmits = map[string][]config.Postsubmit{}
		}
		base.PathAlias, base.CloneURI = repository.pathAlias(), repository.CloneURI
		j.Postsubmits[name] = append(j.Postsubmits[name], config.Postsubmit{JobBase: base, Brancher: branch})
	default:
		when := Periodic{Interval: looking}
		if t.Periodic != nil && len(s.Needs) == 0 {
			when = *t.Periodic
		}
		base.ExtraRefs = append([]prowapi.Refs{repository.refs(g.Branch)}, base.ExtraRefs...)
		j.Periodics = append(j.Periodics, config.Periodic{JobBase: base, Interval: when.Interval, Cron: when.Cron})
	}
}

// looking is how often a stage looks in the store for what the one before it left.
const looking = "10m"

// always says whether nothing but a change starts the presubmit.
func (p *Presubmit) always() bool { return p.Label == "" && p.Review == "" && p.Vote == "" }

// JobName is what Prow calls the job: it takes no slash.
func (g Graph) JobName(s Stage) string { return strings.ReplaceAll(g.Tab(s), "/", ".") }

// Tab is what people and TestGrid call the job.
func (g Graph) Tab(s Stage) string {
	if g.Trigger.Presubmit != nil { // it has one stage
		return g.String()
	}
	return g.String() + "/" + s.Name
}

// base is what the job has whatever starts it. One run at a time: two would do the
// same work, and a publisher's would race.
func (g Graph) base(s Stage) config.JobBase {
	decorate := true
	base := config.JobBase{
		Name: g.JobName(s), Cluster: g.Project.Identities[s.Identity].Cluster, Spec: g.pod(s),
		UtilityConfig: config.UtilityConfig{Decorate: &decorate, ExtraRefs: g.sources(s)},
		Annotations:   g.annotations(s),
	}
	if g.Trigger.Presubmit == nil {
		base.MaxConcurrency = 1
	} else if g.Trigger.Presubmit.Report != "" {
		base.Labels = map[string]string{kube.GerritReportLabel: g.Trigger.Presubmit.Report}
	}
	return base
}

func (g Graph) annotations(s Stage) map[string]string {
	p := g.Project
	about := "builds " + strings.Join(builds(g.runnable(s)), ", ")
	if g.Track != nil && g.perTrack() {
		about += " of track " + strconv.Itoa(g.Track.Number)
		if g.Track.Name != "" {
			about += ", " + g.Track.Name
		}
	}
	all := map[string]string{
		annotation.Owner:      p.Owner,
		"testgrid-dashboards": p.Name,
		"testgrid-tab-name":   g.Tab(s),
		"description":         about + " (branch " + g.Branch + ")",
	}
	if t := g.Trigger.Presubmit; t != nil {
		for name, value := range map[string]string{
			annotation.TriggerLabel: t.Label, annotation.TriggerReview: t.Review, annotation.TriggerVote: t.Vote,
		} {
			if value != "" {
				all[name] = value
			}
		}
	}
	return all
}

func builds(nodes []Node) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Build)
	}
	return names
}

// refs are what Prow clones of a repository.
func (r Repository) refs(branch string) prowapi.Refs {
	return prowapi.Refs{Org: r.Org, Repo: r.Repo, BaseRef: branch, CloneURI: r.CloneURI, PathAlias: r.pathAlias()}
}

// pathAlias is where the sources lie in a pod: Prow's own path would hold Gerrit's URL.
func (r Repository) pathAlias() string {
	if _, host, ok := strings.Cut(r.Org, "://"); ok {
		return host + "/" + r.Repo
	}
	return ""
}

// sources are the repositories that a stage's builds need besides the project's.
func (g Graph) sources(s Stage) []prowapi.Refs {
	var all []prowapi.Refs
	for _, n := range g.runnable(s) {
		source := n.recipe.Source
		if source == nil {
			continue
		}
		refs := source.refs(source.branch(g.Branch))
		if !slices.ContainsFunc(all, func(r prowapi.Refs) bool { return r.Org == refs.Org && r.Repo == refs.Repo }) {
			all = append(all, refs)
		}
	}
	return all
}

// branch is what a track's branch is called in the repository.
func (s Source) branch(track string) string {
	if called, ok := s.Branches[track]; ok {
		return called
	}
	return track
}

// container is the name of a build's container, which may have no underscore.
func container(build string) string { return strings.ReplaceAll(build, "_", "-") }
