package promote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/prow/configrepo"
)

const nothingOpen = "no promotion is asked for here; `/promote ARTIFACT to CHANNEL` asks for one"

// open are the requests of the thread that a command is about: those that were asked for
// before it, also when it is tried again or heard of late.
func (s *said) open() ([]*request, error) {
	all := slices.DeleteFunc(s.thread.pending(), func(r *request) bool { return !r.before(s.comment.ID, s.index) })
	if len(all) == 0 {
		return nil, refuse(nothingOpen)
	}
	return all, nil
}

// status writes every status comment of the thread again.
func (s *said) status(context.Context) (string, error) {
	all, err := s.open()
	for _, r := range all {
		r.shown = ""
	}
	return "", err
}

// cancel ends the requests that the author may end: their own, and those that they
// might approve. What runs already is past that.
func (s *said) cancel(ctx context.Context) (string, error) {
	key := s.note.key("cancel")
	before, err := s.isThere(ctx, key)
	if err != nil {
		return "", err
	}
	all, err := s.open()
	if err != nil && before { // it did so, and the plugin died before it noted that
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, r := range all {
		if err := s.withdraw(ctx, r, key); err != nil {
			return "", err
		}
	}
	return "", nil
}

// withdraw ends one request, after it has noted under key that the comment does so.
func (s *said) withdraw(ctx context.Context, r *request, key string) error {
	view, _, plan, err := s.plan(ctx, r)
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Requester, s.who()) && s.approver(view, plan) != nil {
		return refuse("only %s, who asked for it, and approvers of the channel may cancel it", plain(r.Requester))
	}
	job, err := s.job(ctx, r)
	if err != nil {
		return err
	}
	if job != nil {
		return refuse("it is under way already; `/rollback` takes it back")
	}
	if err := store.CreateJSON(ctx, s.Store, key, struct{}{}); err != nil {
		return err
	}
	if err := s.sign(ctx, decision.Decision{Kind: decision.Withdraw, Plan: plan.Hash, Of: r.Comment}); err != nil {
		return err
	}
	return s.conclude(ctx, r, nil, end{State: withdrawn, Message: "cancelled by " + s.who()})
}

// sign files a decision of the comment's author.
func (s *said) sign(ctx context.Context, d decision.Decision) error {
	d.By, d.Comment, d.At = s.who(), s.comment.HTMLURL, s.at()
	return s.file(ctx, d)
}

// file signs a decision, unless that was done before.
func (p *Plugin) file(ctx context.Context, d decision.Decision) error {
	all, err := p.decided(ctx, d.Plan)
	if err != nil || slices.ContainsFunc(all, func(v decision.Verified) bool { return v.Decision == d }) {
		return err
	}
	_, err = decision.Add(ctx, p.Store, p.Signer, d)
	return err
}

// decided is what this plugin signed about a plan.
func (p *Plugin) decided(ctx context.Context, plan string) ([]decision.Verified, error) {
	all, _, err := decision.List(ctx, p.Store, plan, p.self())
	return all, err
}

// approve signs the author's approval of the plan that they name by its hash.
func (s *said) approve(ctx context.Context) (string, error) {
	if !hashForm.MatchString(s.command.Args) {
		return "", refuse("name the plan by its whole hash, as in `/%s sha256:…`, which the status comment has", cmdApprove)
	}
	all, err := s.open()
	if err != nil {
		return "", err
	}
	var now []string
	for _, r := range all {
		view, _, plan, err := s.plan(ctx, r)
		if err != nil {
			return "", err
		}
		if plan.Hash == s.command.Args {
			return "", s.approvePlan(ctx, r, view, plan)
		}
		now = append(now, "`"+plan.Hash+"`")
	}
	return "", refuse("that is no plan of this thread, or no longer; now it is %s. Look at the status comment, and approve that", strings.Join(now, ", "))
}

func (s *said) approvePlan(ctx context.Context, r *request, view *configrepo.Snapshot, plan *promotion.Plan) error {
	if err := s.approver(view, plan); err != nil {
		return err
	}
	all, err := s.decided(ctx, plan.Hash)
	if err != nil {
		return err
	}
	person := view.Channels.Person
	askers := []string{r.Requester}
	for _, asked := range decision.Stand(all).Requests {
		askers = append(askers, asked.By)
	}
	for _, asker := range askers {
		if person(asker) == person(s.who()) {
			return refuse("you asked for it; somebody else approves it")
		}
	}
	return s.sign(ctx, decision.Decision{Kind: decision.Approve, Plan: plan.Hash})
}

// approver refuses who may not approve the whole plan: the signature says nothing of
// one channel, so it takes an approver of every channel's path.
func (s *said) approver(view *configrepo.Snapshot, plan *promotion.Plan) error {
	paths, err := approvedBy(view.Channels, plan)
	if err != nil {
		return refuse("%v", err)
	}
	if len(paths) == 0 {
		return refuse("no gate of this plan asks for an approval")
	}
	for _, path := range paths {
		if !view.Approves(path, s.who()) {
			return refuse("only approvers of `%s` in %s may; OWNERS name %s", path, s.Repo.FullName(), orNobody(view.Approvers(path)))
		}
	}
	return nil
}

// approvedBy are the paths whose approvers a plan needs.
func approvedBy(c *channel.Config, plan *promotion.Plan) (paths []string, err error) {
	for _, step := range plan.Steps {
		_, ch, err := c.Channel(step.Channel())
		if err != nil {
			return nil, err
		}
		wants := ch.Gate.Approvals
		switch {
		case wants == nil:
		case wants.Path == "" || len(wants.Signers) == 0:
			return nil, fmt.Errorf("%s takes no approvals by comment: its `approvals` in config/channels.yaml names no `path`, or no signers", step.Channel())
		case !slices.Contains(paths, wants.Path):
			paths = append(paths, wants.Path)
		}
	}
	return paths, nil
}

func orNobody(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// override signs that the author lets the thread's plans pass freezes, for the groups
// that those name and that they are a member of.
func (s *said) override(ctx context.Context) (string, error) {
	all, err := s.open()
	if err != nil {
		return "", err
	}
	reason, err := reasonOf(s.command.Args)
	if err != nil {
		return "", refuse("%v, as in `/%s the fix cannot wait`", err, cmdOverride)
	}
	for _, r := range all {
		view, _, plan, err := s.plan(ctx, r)
		if err != nil {
			return "", err
		}
		groups, err := overriders(view.Channels, plan)
		if err != nil {
			return "", refuse("%v", err)
		}
		mine := slices.DeleteFunc(slices.Clone(groups), func(g string) bool { return !view.Member(g, s.who()) })
		if len(mine) == 0 {
			return "", refuse("only members of %s may, in OWNERS_ALIASES of %s", orNobody(groups), s.Repo.FullName())
		}
		for _, group := range mine {
			if err := s.sign(ctx, decision.Decision{Kind: decision.Override, Plan: plan.Hash, Reason: reason, Group: group}); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// overriders are the groups that may override a freeze in the way of a plan.
func overriders(c *channel.Config, plan *promotion.Plan) (groups []string, err error) {
	for _, step := range plan.Steps {
		_, ch, err := c.Channel(step.Channel())
		if err != nil {
			return nil, err
		}
		for _, f := range ch.Gate.Freeze {
			if f.Override != "" && !slices.Contains(groups, f.Override) {
				groups = append(groups, f.Override)
			}
		}
	}
	if len(groups) == 0 {
		return nil, errors.New("nobody may override a freeze of this plan: config/channels.yaml names no `override`")
	}
	return groups, nil
}
