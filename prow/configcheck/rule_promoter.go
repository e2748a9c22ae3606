package configcheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/prow/annotation"
)

// rerunDenied looks in both places that deck asks: it lets who is in either.
func rerunDenied(t *tree, j job, found say) {
	if !t.settings.promotes(j) {
		return
	}
	if lets(j.RerunAuthConfig) {
		found("its rerun_auth_config lets somebody rerun it", "write rerun_auth_config: {}")
	}
	spec := &prowapi.ProwJobSpec{Cluster: j.Cluster, ExtraRefs: j.ExtraRefs}
	if j.repository != "" {
		org, repo, _ := strings.Cut(j.repository, "/")
		spec.Refs = &prowapi.Refs{Org: org, Repo: repo}
	}
	if lets(t.prow.Deck.GetRerunAuthConfig(spec)) {
		found("deck's default_rerun_auth_configs let somebody rerun it", fmt.Sprintf("end them with an entry for cluster %s that lets nobody", j.Cluster))
	}
}

func lets(a *prowapi.RerunAuthConfig) bool {
	return a != nil && (a.AllowAnyone || len(a.GitHubUsers)+len(a.GitHubOrgs)+len(a.GitHubTeamIDs)+len(a.GitHubTeamSlugs) > 0)
}

// promoterStarts lets a merge or the time move an entry channel, which is what the build
// job does, and nothing of Prow's any other.
func promoterStarts(t *tree, j job, found say) {
	if !t.settings.promotes(j) {
		return
	}
	const cure = "make it a postsubmit with branches: [\"^ $\"], which the chat-ops plugin starts"
	switch starts := j.startedBy(); {
	case j.kind == prowapi.PresubmitJob:
		found("it moves channels and a pull request starts it", cure)
	case len(starts) > 0:
		found("it moves channels and has the annotation "+starts[0], cure)
	case j.neverStarts() || t.entersOnly(j):
	case j.kind == prowapi.PeriodicJob:
		found("it moves channels and the clock starts it", cure)
	default:
		found("it moves channels and a push starts it", cure)
	}
}

// neverStarts says whether no push starts a postsubmit.
func (j job) neverStarts() bool {
	return len(j.brancher.Branches) > 0 && !slices.ContainsFunc(j.brancher.Branches, func(e string) bool { return !neverRef(e) })
}

// entersOnly says whether all channels that the job's arguments name are entry channels,
// and there is one.
func (t *tree) entersOnly(j job) bool {
	moved := t.moved(j)
	return len(moved) > 0 && !slices.ContainsFunc(moved, func(c named) bool { return c.From != "" })
}

// named is a channel with its full name.
type named struct {
	full string
	channel.Channel
}

// moved are the channels that the job's arguments name.
func (t *tree) moved(j job) []named {
	var found []named
	for _, c := range j.containers() {
		for _, argument := range c.Args {
			full, _, _ := strings.Cut(argument, "@")
			if c, ok := t.channel(full); ok {
				found = append(found, c)
			}
		}
	}
	return found
}

func (t *tree) movesOnly(j job, full string) bool {
	moved := t.moved(j)
	return len(moved) > 0 && !slices.ContainsFunc(moved, func(c named) bool { return c.full != full })
}

// channel finds a channel by ARTIFACT/CHANNEL.
func (t *tree) channel(full string) (named, bool) {
	artifact, name, _ := channel.Split(full)
	for _, a := range t.channels.Artifacts {
		if a.Name != artifact {
			continue
		}
		for _, c := range t.channels.Channels[a.Channels] {
			if c.Name == name {
				return named{full, c}, true
			}
		}
	}
	return named{}, false
}

// releaseTags looks at the jobs that a tag starts, each by itself and each two of one
// repository.
func releaseTags(t *tree) []Finding {
	findings := eachJob(releaseTag)(t)
	for i, j := range t.jobs {
		for _, other := range t.jobs[:i] {
			if tag := tagOfBoth(j, other); j.repository == other.repository && tag != "" {
				findings = append(findings, Finding{
					File: j.file, Job: j.Name, Problem: fmt.Sprintf("tag %s starts %s, too", tag, other.Name),
					Cure: "let no tag fit both annotations " + annotation.ReleaseTag,
				})
			}
		}
	}
	return findings
}

func tagOfBoth(a, b job) string {
	first, second := a.Annotations[annotation.ReleaseTag], b.Annotations[annotation.ReleaseTag]
	if first == "" || second == "" {
		return ""
	}
	for _, pair := range [][2]string{{first, second}, {second, first}} {
		compiled, err := regexp.Compile(pair[1])
		if err != nil {
			return ""
		}
		for _, tag := range examples(pair[0]) {
			if compiled.MatchString(tag) {
				return tag
			}
		}
	}
	return ""
}

func releaseTag(t *tree, j job, found say) {
	expression, tagged := j.Annotations[annotation.ReleaseTag]
	full, hasChannel := j.Annotations[annotation.Channel]
	if !tagged && !hasChannel {
		return
	}
	c, known := t.channel(full)
	_, err := regexp.Compile(expression)
	switch {
	case !tagged || !hasChannel:
		found(fmt.Sprintf("it has one of the annotations %s and %s", annotation.ReleaseTag, annotation.Channel), "write both")
	case j.kind != prowapi.PostsubmitJob:
		found("it is started by tags and is no postsubmit", "make it one, of the repository that is tagged")
	case err != nil:
		found(fmt.Sprintf("%s: %v", annotation.ReleaseTag, err), "mend the expression")
	case !anchored(expression):
		found("tag "+expression+" matches more than it says", "write ^ before it and $ after it")
	case !known:
		found(channelsFile+" has no channel "+full, "mend the annotation "+annotation.Channel)
	case nobodyApproves(c.Gate.Approvals):
		found("nobody may push its tags: the gate of "+full+" names no approvals.path", "name one in "+channelsFile)
	case !t.movesOnly(j, full):
		found("its arguments do not move "+full+" alone", "let them name what the annotation "+annotation.Channel+" names")
	case !j.neverStarts() && !t.settings.promotes(j): // of those that promote the rule promoter speaks
		found("Prow's trigger starts it for whoever pushes", "write branches: [\"^ $\"]")
	}
}

// nobodyApproves says whether a gate is without anybody who may push a tag; of one that
// wants approvals by comment and names no path the rule approvers speaks.
func nobodyApproves(a *channel.Approvals) bool {
	return a == nil || a.Path == "" && len(a.Signers) == 0
}
