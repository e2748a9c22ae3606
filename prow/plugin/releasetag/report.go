package releasetag

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/pluginhelp"

	"slipway.dev/slipway/prow/annotation"
)

// maxReport is how long a report may grow; GitHub's limit is 65,536 characters.
const maxReport = 30_000

// report writes what happened to a tag into the issue of the configuration repository
// that is for this tag. The same is written once.
func (p *Plugin) report(ctx context.Context, e *push, what string) error {
	p.reporting.Lock()
	defer p.reporting.Unlock()
	e.log.Warnf("Started nothing, and reported it: %s", what)
	found, err := p.reports(ctx, e)
	if err != nil {
		return fmt.Errorf("look for the report on tag %s of %s: %w", e.tag, e.fullName(), err)
	}
	if len(found) > 0 {
		return p.add(found[0], what)
	}
	title := fmt.Sprintf("Release tag %s of %s started nothing", e.tag, e.fullName())
	if _, err := p.Issues.CreateIssue(p.Repo.Org, p.Repo.Name, title, text(e, what), 0, nil, nil); err != nil {
		return fmt.Errorf("report tag %s of %s: %w", e.tag, e.fullName(), err)
	}
	_, err = p.reports(ctx, e) // a request that was sent twice has made two
	return err
}

// mark is how the issue on a tag is found again.
func mark(e *push) string {
	return fmt.Sprintf("<!-- slipway release-tag %s %s -->", e.fullName(), e.tag)
}

func text(e *push, what string) string {
	return fmt.Sprintf("%s\nThe tag `%s` of %s looks like a release, and started nothing:\n\n- %s\n\n"+
		"Somebody who may approve for the channel can look at the commit and promote it: with `/promote`, or with a tag of a new number.\n",
		mark(e), e.tag, e.fullName(), what)
}

// reports are the open issues on the tag that are the plugin's own, the oldest first.
// All but the oldest are closed.
func (p *Plugin) reports(ctx context.Context, e *push) ([]github.Issue, error) {
	isBot, err := p.GitHub.BotUserCheckerWithContext(ctx)
	if err != nil {
		return nil, err
	}
	issues, err := p.Issues.ListOpenIssues(p.Repo.Org, p.Repo.Name)
	if err != nil {
		return nil, err
	}
	issues = slices.DeleteFunc(issues, func(i github.Issue) bool {
		return i.PullRequest != nil || !isBot(i.User.Login) || !strings.HasPrefix(i.Body, mark(e))
	})
	slices.SortFunc(issues, func(a, b github.Issue) int { return cmp.Compare(a.Number, b.Number) })
	for len(issues) > 1 {
		last := issues[len(issues)-1]
		if err := p.Issues.CloseIssue(p.Repo.Org, p.Repo.Name, last.Number); err != nil {
			return nil, fmt.Errorf("close issue %d, the double of %d: %w", last.Number, issues[0].Number, err)
		}
		issues = issues[:len(issues)-1]
	}
	return issues, nil
}

// add writes one more line into a report.
func (p *Plugin) add(issue github.Issue, what string) error {
	line := "- " + what + "\n"
	body := strings.ReplaceAll(issue.Body, "\r\n", "\n") // as browsers write
	if strings.Contains(body+"\n", line) || len(body)+len(line) > maxReport {
		return nil
	}
	if head, tail, ok := strings.Cut(body, "\n\n- "); ok {
		body = head + "\n\n" + line + "- " + tail
	} else { // somebody took the list away
		body = strings.TrimRight(body, "\n") + "\n\n" + line
	}
	if _, err := p.Issues.EditIssue(p.Repo.Org, p.Repo.Name, issue.Number, &github.Issue{Body: body}); err != nil {
		return fmt.Errorf("write into issue %d: %w", issue.Number, err)
	}
	return nil
}

// help says for each repository which tags go where.
func (p *Plugin) help(repos []config.OrgRepo) (*pluginhelp.PluginHelp, error) {
	h := &pluginhelp.PluginHelp{
		Description: "A pushed release tag starts the job that promotes what it names, if who pushed it may approve for the channel; any other is reported.",
		Config:      map[string]string{},
	}
	for _, repo := range repos {
		var lines []string
		for _, job := range p.Config().GetPostsubmitsStatic(repo.String()) {
			if pattern := job.Annotations[annotation.ReleaseTag]; pattern != "" {
				lines = append(lines, fmt.Sprintf("A tag like %s promotes to %s.", pattern, job.Annotations[annotation.Channel]))
			}
		}
		if len(lines) > 0 {
			h.Config[repo.String()] = strings.Join(lines, " ")
		}
	}
	return h, nil
}
