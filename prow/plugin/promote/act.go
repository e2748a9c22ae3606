package promote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/prow/plugin/comment"
)

// mayBeOurs is a quick look at a webhook.
func mayBeOurs(payload []byte) bool {
	return bytes.Contains(payload, []byte("promot")) || bytes.Contains(payload, []byte(cmdRollback)) || bytes.Contains(payload, []byte(cmdOverride))
}

// refused is an error that is the answer to a comment; any other is tried again.
type refused struct{ text string }

func (e *refused) Error() string { return e.text }

// refusal is the answer that an error is: what was refused, what means nothing any more,
// and what is damaged and stays so until somebody looks.
func refusal(err error) (text string, ok bool) {
	if no, ok := errors.AsType[*refused](err); ok {
		return no.text, true
	}
	if gone, ok := errors.AsType[*promotion.RequestError](err); ok {
		return code(gone.Error()), true
	}
	return damage(err)
}

// damage says what of the store is damaged. It does not mend itself.
func damage(err error) (text string, ok bool) {
	d, ok := errors.AsType[*filed.DamagedError](err)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%s of the store is damaged: %s; find out who wrote it, then move it out", code(d.Key), code(d.Err.Error())), true
}

func refuse(format string, args ...any) error { return &refused{fmt.Sprintf(format, args...)} }

// act does what a comment says, as it stands on GitHub now, and answers it once.
func (p *Plugin) act(ctx context.Context, t *thread, n note) error {
	if acted, err := p.isThere(ctx, n.key("acted")); err != nil || acted { // its webhook came twice
		return err
	}
	comments, err := p.Comments.ListIssueCommentsWithContext(ctx, n.Place.Org, n.Place.Repo, n.Place.Number)
	if err != nil {
		return err
	}
	isBot, err := p.People.BotUserCheckerWithContext(ctx)
	if err != nil {
		return err
	}
	c, why := asSaid(comments, n, isBot)
	if why != "" {
		p.Log.WithField("comment", n.Comment).Infof("A comment in %s is not acted on: %s.", n.Place, why)
		return p.acted(ctx, n)
	}
	var answers []string
	for i, command := range ours(c.Body) {
		answer, err := p.obey(ctx, &said{Plugin: p, thread: t, note: n, comment: c, command: command, index: i})
		if text, is := refusal(err); is {
			answer, err = text, nil
		}
		if err != nil {
			return err
		}
		if answer != "" {
			answers = append(answers, fmt.Sprintf("%s: %s", code("/"+strings.TrimSpace(command.Name+" "+command.Args)), answer))
		}
	}
	if len(answers) > 0 {
		mark := fmt.Sprintf("<!-- slipway:answer %d -->", n.Comment)
		if err := p.write(ctx, n.Place, mark, fmt.Sprintf("To [this comment](%s):\n\n- %s\n", c.HTMLURL, strings.Join(answers, "\n- "))); err != nil {
			return err
		}
	}
	return p.acted(ctx, n)
}

func (p *Plugin) acted(ctx context.Context, n note) error {
	return store.CreateJSON(ctx, p.Store, n.key("acted"), struct {
		Comment int `json:"comment"`
	}{n.Comment})
}

func (p *Plugin) isThere(ctx context.Context, key string) (bool, error) {
	_, err := p.Store.Stat(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// asSaid finds the comment, and says why it is not to be heeded: GitHub's word counts,
// not the webhook's.
func asSaid(all []github.IssueComment, n note, isBot func(string) bool) (c github.IssueComment, why string) {
	for _, c = range all {
		if c.ID == n.Comment {
			break
		}
	}
	switch {
	case c.ID != n.Comment:
		return c, "it was deleted"
	case !c.UpdatedAt.Equal(c.CreatedAt) || !c.CreatedAt.UTC().Equal(n.At) || sum(c.Body) != n.Sum:
		return c, "it was edited"
	case c.User.Login == "" || strings.EqualFold(c.User.Login, "ghost"):
		return c, "its author is gone"
	case isBot(c.User.Login) || c.User.Type == "Bot" || strings.HasSuffix(c.User.Login, "[bot]"):
		return c, "a program wrote it"
	}
	return c, ""
}

// said is a command that somebody gave.
type said struct {
	*Plugin
	thread  *thread
	note    note
	comment github.IssueComment
	command comment.Command
	index   int // among the comment's commands
}

func (s *said) who() string { return s.comment.User.Login }

// at is when it was said. Commands of one comment keep their order.
func (s *said) at() time.Time { return s.note.said().Add(time.Duration(s.index)) }

// obey does what a command says. An empty answer leaves it to the status comment.
func (p *Plugin) obey(ctx context.Context, s *said) (answer string, err error) {
	if s.command.Problem != "" {
		return "", refuse("%s", s.command.Problem)
	}
	if err := p.known(s); err != nil {
		return "", err
	}
	switch s.command.Name {
	case cmdPromote:
		switch s.command.Args {
		case "status":
			return s.status(ctx)
		case "cancel":
			return s.cancel(ctx)
		}
		return s.promote(ctx)
	case cmdRollback:
		return s.rollback(ctx)
	case cmdApprove:
		return s.approve(ctx)
	case cmdHold:
		return s.hold(ctx)
	case cmdOverride:
		return s.override(ctx)
	}
	return "", nil
}

// known lets in only members of the repository's organization, as Prow's triggers do:
// even a hold takes work to end.
func (p *Plugin) known(s *said) error {
	org := s.thread.place.Org
	member, err := p.People.IsMember(org, s.who())
	if err == nil && !member {
		err = refuse("only members of %s may say this", org)
	}
	return err
}

// promote opens a request for what follows /promote.
func (s *said) promote(ctx context.Context) (string, error) {
	view, err := s.Repo.Read(ctx)
	if err != nil {
		return "", err
	}
	order, err := wanted(s.command.Args, view.Channels)
	if err != nil {
		return "", refuse("%v", err)
	}
	return s.ask(ctx, order)
}

// rollback opens a request to go back, of a channel or of a train's.
func (s *said) rollback(ctx context.Context) (string, error) {
	view, err := s.Repo.Read(ctx)
	if err != nil {
		return "", err
	}
	order, err := back(s.command.Args, view.Channels)
	if err != nil {
		return "", refuse("%v", err)
	}
	return s.ask(ctx, order)
}

// ask plans an order and opens a request for the digests that are meant now: what
// moves on meanwhile does not change what people approve.
func (s *said) ask(ctx context.Context, order promotion.Order) (string, error) {
	r := &request{
		ID: fmt.Sprintf("%d-%d", s.comment.ID, s.index), Place: s.thread.place, Comment: s.comment.HTMLURL,
		Requester: s.who(), At: s.note.said(), Order: order,
	}
	there, err := s.isThere(ctx, r.key("request"))
	if err != nil {
		return "", err
	}
	if !there {
		if err := s.pin(ctx, r); err != nil {
			return "", err
		}
	}
	if err := create(ctx, s.Store, r.key("request"), r); err != nil {
		return "", err
	}
	if r.Requester != s.who() || r.Comment != s.comment.HTMLURL || r.Place != s.thread.place {
		return "", refuse("there is a record `%s` that this comment did not make; find out who did, and ask again", r.key("request"))
	}
	if ended, err := s.isThere(ctx, r.key("end")); err != nil || ended {
		return "", err
	}
	s.thread.open(r)
	return "", nil
}

// pin finds out which digests an order means. One that could never move is refused.
func (s *said) pin(ctx context.Context, r *request) error {
	r.Order.Requester = s.who()
	r.Order.Why = strings.TrimSpace(r.Order.Why + " " + s.comment.HTMLURL)
	_, _, plan, err := s.plan(ctx, r)
	if err != nil {
		return err
	}
	digests := map[string]string{}
	for _, step := range plan.Steps {
		if step.State == promotion.Broken {
			return refuse("%s: %s", code(step.Channel()), code(step.Problem))
		}
		digests[step.Channel()] = step.Digest
	}
	if plan.Count(promotion.Current) == len(plan.Steps) {
		return refuse("there is nothing to do: %s", holds(plan))
	}
	for i, one := range r.Order.Requests {
		r.Order.Requests[i].Digest = digests[one.Channel]
	}
	return nil
}

func holds(plan *promotion.Plan) string {
	var all []string
	for _, step := range plan.Steps {
		all = append(all, fmt.Sprintf("`%s` holds `%s`", step.Channel(), step.Digest))
	}
	return strings.Join(all, ", ")
}
