package promote

import (
	"context"
	"fmt"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/prow/configrepo"
)

// maxBody is below GitHub's limit of a comment.
const maxBody = 60000

// status is what a status comment says.
type status struct {
	request *request
	state   state
	view    *configrepo.Snapshot // of a request that waits
	plan    *promotion.Plan      // nil where there is none
	job     *prowapi.ProwJob     // nil where there is none
	message string
}

// what names what is to be promoted.
func (r *request) what() string {
	o := r.Order
	verb, what := "promotion of ", ""
	if o.Requests[0].Rollback {
		verb = "rollback of "
	}
	if o.Train != "" {
		what = "train " + o.Train
	} else {
		what = o.Requests[0].Channel
	}
	if v := o.Requests[0].Version; v != "" {
		what += " as " + v
	}
	return verb + "`" + what + "`"
}

func (s status) body() string {
	var b strings.Builder
	r := s.request
	fmt.Fprintf(&b, "**%s**: %s — %s\n\n", strings.ToUpper(r.what()[:1])+r.what()[1:], s.state, s.message)
	fmt.Fprintf(&b, "Asked for by `%s` in [this comment](%s).\n\n", r.Requester, r.Comment)
	if s.job != nil && s.job.Status.URL != "" {
		fmt.Fprintf(&b, "The job: %s\n\n", s.job.Status.URL)
	}
	if s.plan == nil {
		return b.String()
	}
	for _, step := range s.plan.Steps {
		writeStep(&b, step)
	}
	fmt.Fprintf(&b, "\nPlan `%s`\n", s.plan.Hash)
	if s.state == waiting {
		s.writeHow(&b)
	}
	if b.Len() > maxBody {
		return b.String()[:maxBody] + "\n…\n\n`slipway promotion show " + s.plan.Hash + "` shows the rest.\n"
	}
	return b.String()
}

// writeStep writes a list of what moves and what its gate says.
func writeStep(b *strings.Builder, step *promotion.Step) {
	fmt.Fprintf(b, "- `%s`: %s `%s`", step.Channel(), step.State, step.Digest)
	if step.Version != "" {
		fmt.Fprintf(b, " as `%s`", step.Version)
	}
	if step.Problem != "" {
		fmt.Fprintf(b, ": %s", code(step.Problem))
	}
	b.WriteByte('\n')
	for _, q := range step.Requirements {
		box := " "
		if q.Met {
			box = "x"
		}
		fmt.Fprintf(b, "  - [%s] %s: %s\n", box, q.Name, code(q.Why))
	}
}

// writeHow says who may do what next.
func (s status) writeHow(b *strings.Builder) {
	paths, err := approvedBy(s.view.Channels, s.plan)
	if err != nil || len(paths) == 0 {
		return
	}
	for _, path := range paths {
		fmt.Fprintf(b, "\nApprovers of `%s`: `%s`. ", path, orNobody(s.view.Approvers(path)))
	}
	fmt.Fprintf(b, "They approve this plan, and no other, with\n\n```\n/%s %s\n```\n", cmdApprove, s.plan.Hash)
}

// show writes the request's status comment, if it would say something else than before.
func (p *Plugin) show(ctx context.Context, r *request, s status) error {
	body := s.body()
	if r.shown == body {
		return nil
	}
	if err := p.write(ctx, r.Place, fmt.Sprintf("<!-- slipway:promotion %s -->", r.ID), body); err != nil {
		return err
	}
	r.shown = body
	return nil
}

// write makes the one comment that bears the mark say body. A comment that GitHub made
// although its answer was lost is found again, and doubles go.
func (p *Plugin) write(ctx context.Context, at place, mark, body string) error {
	body = mark + "\n" + body
	mine, err := p.marked(ctx, at, mark)
	if err != nil {
		return err
	}
	if len(mine) == 0 {
		if err := p.Comments.CreateCommentWithContext(ctx, at.Org, at.Repo, at.Number, body); err != nil {
			return err
		}
		if mine, err = p.marked(ctx, at, mark); err != nil {
			return err
		}
	}
	for i, c := range mine {
		switch {
		case i > 0:
			err = p.Comments.DeleteCommentWithContext(ctx, at.Org, at.Repo, c.id)
		case c.body != body:
			err = p.Comments.EditCommentWithContext(ctx, at.Org, at.Repo, c.id, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type own struct {
	id   int
	body string
}

// marked are the plugin's own comments that begin with the mark, the first first.
func (p *Plugin) marked(ctx context.Context, at place, mark string) (mine []own, err error) {
	isBot, err := p.People.BotUserCheckerWithContext(ctx)
	if err != nil {
		return nil, err
	}
	all, err := p.Comments.ListIssueCommentsWithContext(ctx, at.Org, at.Repo, at.Number)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if isBot(c.User.Login) && strings.HasPrefix(c.Body, mark) {
			mine = append(mine, own{c.ID, c.Body})
		}
	}
	return mine, nil
}
