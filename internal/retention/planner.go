package retention

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/each"
	"slipway.dev/slipway/internal/store"
)

// DefaultShare is the part of a repository's manifests that may go in one run, unless
// a rule or a person says more.
const DefaultShare = 0.5

// Planner plans for every repository that images of the configuration lie in.
type Planner struct {
	Config   *channel.Config
	Store    store.Store
	Registry Registry

	InFlight func(context.Context) ([]string, error) // digests of plans that wait for approvals; nil is none
	Stays    int                                     // how many digests a channel may be rolled back to; 0 is DefaultStays
	MaxShare float64                                 // 0 is what the rules say
	Parallel int                                     // requests at a time; 0 is 16
	Now      func() time.Time                        // nil is time.Now
	Say      func(string)                            // is told of progress; nil is nobody
}

// Repositories are those that a rule speaks of, sorted.
func (p *Planner) Repositories() []string {
	var spoken []string
	for repository, artifacts := range p.residents() {
		if slices.ContainsFunc(p.Config.Retention, func(r channel.Rule) bool { return rule{Rule: r}.speaksOf(artifacts) }) {
			spoken = append(spoken, repository)
		}
	}
	slices.Sort(spoken)
	return spoken
}

// residents are the artifacts that lie in each repository.
func (p *Planner) residents() map[string][]channel.Artifact {
	all := map[string][]channel.Artifact{}
	for _, a := range p.Config.Artifacts {
		if a.Kind != channel.Image {
			continue
		}
		for _, at := range locations(a) {
			all[at] = append(all[at], a)
		}
	}
	return all
}

func locations(a channel.Artifact) []string {
	at := append(slices.Collect(maps.Values(a.Locations)), a.Location)
	slices.Sort(at)
	return slices.Compact(at)
}

// Plan plans for every repository. It fails if a rule speaks of no tag at all, or if
// more would go than may; the plans say what. One repository that cannot be looked at
// is named in the error, an *each.Failures, and the others are planned.
func (p *Planner) Plan(ctx context.Context) ([]Plan, error) {
	rules, err := compileRules(p.Config.Retention)
	if err != nil {
		return nil, err
	}
	repositories := p.Repositories()
	plans := make([]Plan, len(repositories))
	spoken := map[int]int{}
	var failed each.Failures
	for i, repository := range repositories {
		view, err := p.Look(ctx, repository)
		if err != nil {
			failed.Failed, failed.Errs = append(failed.Failed, repository), append(failed.Errs, err)
			continue
		}
		m, tags := view.marks()
		plans[i] = view.plan(m)
		for number, n := range tags {
			spoken[number] += n
		}
	}
	plans = slices.DeleteFunc(plans, func(p Plan) bool { return p.Repository == "" })
	if failed.Total = len(repositories); len(failed.Failed) > 0 {
		return plans, &failed
	}
	return plans, idle(rules, spoken)
}

// IdleError is a rule that speaks of no tag: one that is misspelled, and would be
// believed to be at work.
type IdleError struct {
	Rule      string
	Artifacts []string
}

func (e *IdleError) Error() string {
	return fmt.Sprintf("retention %s of artifacts %s speaks of no tag at all; nothing is deleted until it is mended or taken out", e.Rule, strings.Join(e.Artifacts, ", "))
}

// idle is an *IdleError if there is such a rule.
func idle(rules []rule, spoken map[int]int) error {
	for _, r := range rules {
		if spoken[r.number] == 0 {
			return &IdleError{r.String(), r.Artifacts}
		}
	}
	return nil
}

// Verify sees that plans from elsewhere are whole, and of repositories that a rule
// speaks of.
func (p *Planner) Verify(plans []Plan) error {
	repositories := p.Repositories()
	for _, plan := range plans {
		switch {
		case !slices.Contains(repositories, plan.Repository):
			return fmt.Errorf("plan of %s: no rule speaks of that repository", plan.Repository)
		case plan.hash() != plan.Hash:
			return fmt.Errorf("plan of %s: its hash is %s, not %s as it says; make it again", plan.Repository, plan.hash(), plan.Hash)
		}
	}
	return nil
}

// TooMuchError is a plan that deletes a larger share of a repository than it may.
type TooMuchError struct {
	Plan  Plan
	Limit float64
}

func (e *TooMuchError) Error() string {
	return fmt.Sprintf("%s: %d of %d manifests would go, which is %.0f %%, and no more than %.0f %% may; look at the plan, and if it is right raise --max-share",
		e.Plan.Repository, len(e.Plan.Delete), e.Plan.Manifests, 100*e.Plan.Share(), 100*e.Limit)
}

// Check is a *TooMuchError if more would go than may.
func (p *Planner) Check(plan Plan) error {
	limit := p.limit(plan.Repository)
	if plan.Share() <= limit {
		return nil
	}
	return &TooMuchError{plan, limit}
}

// limit is what a person said, or the least that a rule of the repository says.
func (p *Planner) limit(repository string) float64 {
	if p.MaxShare > 0 {
		return p.MaxShare
	}
	limit := 0.0
	artifacts := p.residents()[repository]
	for _, r := range p.Config.Retention {
		if r.MaxShare > 0 && (limit == 0 || r.MaxShare < limit) && (rule{Rule: r}).speaksOf(artifacts) {
			limit = r.MaxShare
		}
	}
	if limit == 0 {
		return DefaultShare
	}
	return limit
}

// Look looks at a repository, and at what the store says of it. What it is the first
// to see it writes down.
func (p *Planner) Look(ctx context.Context, repository string) (*View, error) {
	all, err := compileRules(p.Config.Retention)
	if err != nil {
		return nil, err
	}
	artifacts := p.residents()[repository]
	known, err := recall(ctx, p.Store, repository)
	if err != nil {
		return nil, err
	}
	view := &View{Now: p.now(), Inventory: newInventory(repository)}
	view.rules = slices.DeleteFunc(all, func(r rule) bool { return !r.speaksOf(artifacts) })
	l := &look{registry: p.Registry, known: known, parallel: p.parallel(), say: p.say, inv: view.Inventory}
	if view.Roots, err = p.roots(ctx, repository); err != nil {
		return nil, err
	}
	if err := l.run(ctx, &view.Roots); err != nil {
		return nil, err
	}
	if err := p.catchUp(ctx, l, &view.Roots); err != nil {
		return nil, err
	}
	if err := date(ctx, p.Store, view.Inventory, &view.Roots, known, view.Now); err != nil {
		return nil, fmt.Errorf("date the images of %s: %w", repository, err)
	}
	if err := known.record(ctx, p.Store, repository, view.Now); err != nil {
		p.say(fmt.Sprintf("note: %v; what has no other record of its age stays as young as today", err))
	}
	view.past = past{known.deleted, known.unfinished}
	return view, nil
}

// catchUp takes in what moved in the ledger while the registry was looked at.
func (p *Planner) catchUp(ctx context.Context, l *look, roots *Roots) error {
	changed, err := roots.changed(ctx, p.Store)
	if err != nil || !changed {
		return err
	}
	if *roots, err = p.roots(ctx, l.inv.Repository); err != nil {
		return err
	}
	return l.expand(ctx, roots)
}

func (p *Planner) roots(ctx context.Context, repository string) (Roots, error) {
	stays := p.Stays
	if stays == 0 {
		stays = DefaultStays
	}
	return rootReader{p.Store, stays, p.InFlight}.read(ctx, p.Config, repository, p.residents()[repository])
}

func (p *Planner) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

func (p *Planner) parallel() int {
	if p.Parallel <= 0 {
		return 16
	}
	return p.Parallel
}

func (p *Planner) say(message string) {
	if p.Say != nil {
		p.Say(message)
	}
}
