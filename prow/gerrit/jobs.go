package gerrit

import (
	"errors"
	"fmt"

	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/gerrit/source"
	"sigs.k8s.io/prow/pkg/kube"

	"slipway.dev/slipway/prow/annotation"
)

// voted is a presubmit that a vote starts.
type voted struct {
	config.Presubmit
	vote Vote
}

// jobsOf are the presubmits of a project that votes start. One that is written
// wrongly is left out, and the error names it.
func jobsOf(cfg *config.Config, instance, project string) ([]voted, error) {
	var jobs []voted
	var errs []error
	for _, presubmit := range cfg.GetPresubmitsStatic(source.CloneURIFromOrgRepo(instance, project)) {
		text, ok := presubmit.Annotations[annotation.TriggerVote]
		if !ok {
			continue
		}
		vote, err := ParseVote(text)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("job %s: annotation %s: %w", presubmit.Name, annotation.TriggerVote, err))
		case presubmit.AlwaysRun:
			errs = append(errs, fmt.Errorf("job %s: a vote starts it, and always_run too: set always_run to false", presubmit.Name))
		default:
			jobs = append(jobs, voted{presubmit, vote})
		}
	}
	return jobs, errors.Join(errs...)
}

// Check says what is wrong with the jobs that votes start, for who checks a configuration.
func Check(cfg *config.Config) []error {
	var errs []error
	watched := map[string]bool{}
	for instance, projects := range projectsOf(cfg) {
		for project := range projects {
			uri := source.CloneURIFromOrgRepo(instance, project)
			watched[uri], watched[source.TrimHTTPSPrefix(uri)] = true, true
			if _, err := jobsOf(cfg, instance, project); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for repo, presubmits := range cfg.PresubmitsStatic {
		for _, presubmit := range presubmits {
			if _, ok := presubmit.Annotations[annotation.TriggerVote]; ok {
				errs = append(errs, checkJob(repo, watched[repo], presubmit)...)
			}
		}
	}
	return errs
}

// checkJob says what would surprise: where the job never starts, starts without a
// vote, or votes where people do.
func checkJob(repo string, watched bool, job config.Presubmit) []error {
	var errs []error
	say := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("job %s of %s: "+format, append([]any{job.Name, repo}, args...)...))
	}
	if !watched {
		say("no vote can start it: name its project in gerrit.org_repos_config of config.yaml")
	}
	if job.RegexpChangeMatcher.CouldRun() {
		say("run_if_changed and skip_if_only_changed make Prow's adapter start it at each upload, without a vote: leave them out")
	}
	if !job.SkipReport && job.Labels[kube.GerritReportLabel] == "" {
		say("without label %s, Prow votes Code-Review: add it, as in Verified", kube.GerritReportLabel)
	}
	return errs
}

// projectsOf are the projects that Prow's configuration names, by instance.
func projectsOf(cfg *config.Config) map[string]map[string]*config.GerritQueryFilter {
	if cfg.Gerrit.OrgReposConfig == nil {
		return nil
	}
	return cfg.Gerrit.OrgReposConfig.AllRepos()
}
