package configcheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
)

// secretsKnown leaves presubmits out: they have none.
func secretsKnown(t *tree, j job, found say) {
	if j.kind == prowapi.PresubmitJob {
		return
	}
	for _, name := range j.secrets() {
		if !slices.Contains(t.settings.Publishing.Secrets, name) && !slices.Contains(t.settings.HarmlessSecrets, name) {
			found(settingsFile+" does not know the secret "+name, "add it to publishing.secrets there, or to harmless_secrets")
		}
	}
}

// publishingAfterMerge leaves presubmits out: the rules presubmit and cluster take from
// them all that would make them publish.
func publishingAfterMerge(t *tree, j job, found say) {
	by := t.settings.published(j)
	if by == "" || j.kind == prowapi.PresubmitJob {
		return
	}
	if j.MaxConcurrency != 1 {
		found("it publishes ("+by+") and two of it may run at once", "write max_concurrency: 1")
	}
	for _, expression := range j.brancher.Branches {
		if neverRef(expression) {
			continue // no push starts it
		}
		branches := examples(expression)
		if len(branches) == 0 {
			found(fmt.Sprintf("it publishes (%s), and no branch is known that %s matches", by, expression), "name its branches more simply")
		}
		for _, branch := range branches {
			if why := t.unprotected(j.repository, branch); why != "" {
				found(fmt.Sprintf("it publishes (%s) from %s of %s, %s", by, branch, j.repository, why), "add protect: true for it to branch-protection of "+ConfigFile)
				break
			}
		}
	}
	for _, ref := range j.ExtraRefs {
		t.extraRef(ref, by, found)
	}
}

// extraRef looks at a ref that a publishing job has beside the one it is started for.
func (t *tree) extraRef(ref prowapi.Refs, by string, found say) {
	name := ref.Org + "/" + ref.Repo
	switch {
	case len(ref.Pulls) > 0:
		found(fmt.Sprintf("it publishes (%s) from pull requests of %s", by, name), "take pulls out of its extra_refs")
	case ref.BaseRef == "" || strings.HasPrefix(ref.BaseRef, "refs/"):
		found(fmt.Sprintf("it publishes (%s) from %q of %s, which is no branch", by, ref.BaseRef, name), "name a protected branch as its base_ref")
	default:
		if why := t.unprotected(name, ref.BaseRef); why != "" {
			found(fmt.Sprintf("it publishes (%s) from %s of %s, %s", by, ref.BaseRef, name, why), "add protect: true for it to branch-protection of "+ConfigFile)
		}
	}
}

// unprotected says why a branch may get commits that nobody reviewed; "" is that it may
// not. Who may submit on Gerrit is configured there.
func (t *tree) unprotected(repository, branch string) string {
	if isGerrit(repository) {
		return ""
	}
	org, name, _ := strings.Cut(repository, "/")
	repo := t.prow.BranchProtection.GetOrg(org).GetRepo(name)
	if _, named := repo.Branches[branch]; !named && !protectorTakes(repo.Policy, branch) {
		return "which branch-protection leaves out"
	}
	policy, err := t.prow.GetBranchProtection(org, name, branch, t.prow.PresubmitsStatic[repository])
	switch {
	case err != nil:
		return "whose protection is contradictory: " + err.Error()
	case policy == nil || policy.Protect == nil || !*policy.Protect:
		return "which is not protected"
	case isTrue(policy.Unmanaged):
		return "whose protection Prow does not manage"
	}
	return ""
}

// protectorTakes says whether Prow's branchprotector looks at a branch that has no
// entry of its own.
func protectorTakes(p config.Policy, branch string) bool {
	matches := func(expression string) bool {
		ok, err := regexp.MatchString(expression, branch)
		return err == nil && ok
	}
	if len(p.Include) > 0 {
		return slices.ContainsFunc(p.Include, matches)
	}
	return !slices.ContainsFunc(p.Exclude, matches)
}
