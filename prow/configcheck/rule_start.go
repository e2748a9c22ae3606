package configcheck

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"

	"slipway.dev/slipway/prow/annotation"
)

func branchesNamed(t *tree, j job, found say) {
	for _, expression := range slices.Concat(j.brancher.Branches, j.brancher.SkipBranches) {
		if !anchored(expression) {
			found(fmt.Sprintf("branch %s matches more than it says", expression), "write ^"+strings.Trim(expression, "^$")+"$")
		}
	}
	if j.kind != prowapi.PostsubmitJob {
		return
	}
	if len(j.brancher.Branches) == 0 {
		found("it names no branches, so each pushed tag starts it, too", "write branches: [^main$]")
		return
	}
	for _, tag := range t.settings.Tags {
		if j.brancher.ShouldRun(tag) {
			found("a pushed tag such as "+tag+" starts it", "write expressions that match its branches alone")
			return
		}
	}
}

// changedFiles asks of the repository's files what Prow asks of the changed ones.
func changedFiles(t *tree, j job, found say) {
	if j.changes.RunIfChanged == "" && j.changes.SkipIfOnlyChanged == "" {
		return
	}
	files, ok := t.files[j.repository]
	if !ok {
		t.missing(fmt.Sprintf("the files of %s, of which its jobs name some: add --repo %s=FOLDER", j.repository, j.repository))
		return
	}
	runs := func(file string) bool { return j.changes.RunsAgainstChanges([]string{file}) }
	some, all := slices.ContainsFunc(files, runs), !slices.ContainsFunc(files, func(f string) bool { return !runs(f) })
	switch {
	case j.changes.RunIfChanged != "" && !some:
		found(fmt.Sprintf("run_if_changed %s matches no file of %s", j.changes.RunIfChanged, j.repository), "mend the expression, or delete the job")
	case j.changes.SkipIfOnlyChanged != "" && all:
		found(fmt.Sprintf("skip_if_only_changed %s matches no file of %s", j.changes.SkipIfOnlyChanged, j.repository), "mend the expression, or write always_run: true")
	case j.changes.SkipIfOnlyChanged != "" && !some:
		found(fmt.Sprintf("skip_if_only_changed %s matches all files of %s", j.changes.SkipIfOnlyChanged, j.repository), "mend the expression, or delete the job")
	}
}

// missing notes once what could not be looked at.
func (t *tree) missing(what string) {
	if !slices.Contains(t.unseen, what) {
		t.unseen = append(t.unseen, what)
	}
}

func commandBeginsLine(_ *tree, j job, found say) {
	if p := j.presubmit; p != nil && (p.TriggerMatches("> "+p.RerunCommand) || p.TriggerMatches("try "+p.RerunCommand)) {
		found(fmt.Sprintf("%q starts it in the midst of a line", p.RerunCommand), "begin its trigger with (?m)^")
	}
}

var (
	vote    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*[+-][1-9]$`)
	reviews = []string{"approved", "changes_requested", "commented"}
)

// startedBy are the annotations that start a presubmit, as far as a job has them.
func (j job) startedBy() []string {
	return slices.DeleteFunc([]string{annotation.TriggerLabel, annotation.TriggerReview, annotation.TriggerVote}, func(name string) bool {
		_, ok := j.Annotations[name]
		return !ok
	})
}

func triggers(t *tree, j job, found say) {
	starts := j.startedBy()
	if len(starts) == 0 {
		return
	}
	if j.presubmit == nil && !t.settings.promotes(j) { // of those the rule promoter speaks
		found("it has the annotation "+starts[0]+" and is no presubmit", "take it away")
	}
	if p := j.presubmit; p != nil && (p.AlwaysRun || p.RunIfChanged != "" || p.SkipIfOnlyChanged != "" || p.RunBeforeMerge) {
		found("it has the annotation "+starts[0]+" and starts by itself", "write always_run: false alone")
	}
	if label, ok := j.Annotations[annotation.TriggerLabel]; ok && !t.labels[label] {
		found(fmt.Sprintf("%s has no label %q", labelsFile, label), "add it there, or mend the annotation "+annotation.TriggerLabel)
	}
	if state, ok := j.Annotations[annotation.TriggerReview]; ok && !slices.Contains(reviews, state) {
		found(fmt.Sprintf("no review is %q", state), "write one of "+strings.Join(reviews, ", ")+" into the annotation "+annotation.TriggerReview)
	}
	if text, ok := j.Annotations[annotation.TriggerVote]; ok && !vote.MatchString(text) {
		found(fmt.Sprintf("%q is no vote", text), "write a label and its value, such as Code-Review+2, into the annotation "+annotation.TriggerVote)
	}
}

// isGerrit says whether Prow's name of a repository is of one on Gerrit.
func isGerrit(repository string) bool { return strings.Contains(repository, "://") }

func mergesAreConfigured(t *tree) []Finding {
	var findings []Finding
	for _, name := range slices.Sorted(maps.Keys(t.prow.PresubmitsStatic)) {
		repository := *config.NewOrgRepo(name)
		if !isGerrit(name) && !slices.ContainsFunc(t.prow.Tide.Queries, func(q config.TideQuery) bool { return q.ForRepo(repository) }) {
			findings = append(findings, Finding{
				File: ConfigFile, Problem: "no query of Tide covers " + name + ", which has presubmits", Cure: "add it to tide.queries",
			})
		}
	}
	return findings
}

func noJobsInRepositories(t *tree) []Finding {
	var findings []Finding
	for _, repository := range slices.Sorted(maps.Keys(t.prow.InRepoConfig.Enabled)) {
		if isTrue(t.prow.InRepoConfig.Enabled[repository]) {
			findings = append(findings, Finding{
				File: ConfigFile, Problem: "in_repo_config lets " + repository + " bring jobs of its own", Cure: "write them into " + JobsFolder + "/, and false there",
			})
		}
	}
	return findings
}
