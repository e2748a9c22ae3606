package promotecmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/retention"
)

// RetentionGroup is `slipway retention`.
func RetentionGroup(env cli.Env) *cobra.Command {
	return cli.Group("retention", "Delete old images from registries, and nothing that anything needs",
		retentionPlan(env), retentionApply(env, false), retentionRestore(env))
}

const retentionHelp = `The rules are those under retention in the channels' configuration. What they do not
speak of stays, and so does everything that a channel holds or held a few moves ago,
that a plan of the last 30 days or an unfinished move is about, and every version; with
the children of an index, and with what refers to an image and what that refers to.

The age of an image is the ledger's time, else the time of the release whose commit it
is tagged with, else how long retention has known it; so the first run deletes little.
A rule that speaks of no tag at all stops the run. So does a plan that deletes more of
a repository than half of its manifests, or what --max-share or a rule's maxShare says.`

// pruner is what the commands of retention share.
type pruner struct {
	*world
	share float64
	form  command.Form
}

func (p *pruner) addFlags(flags *pflag.FlagSet) {
	p.world.addFlags(flags)
	flags.Float64Var(&p.share, "max-share", 0, "part of a repository's manifests that may go in one run, from 0 to 1 (default: what the rules say, else 0.5)")
	command.FormFlag(flags, &p.form)
}

// planner is ready to look at registries.
func (p *pruner) planner(ctx context.Context) (*retention.Planner, error) {
	if p.share < 0 || p.share > 1 {
		return nil, cli.Misuse("--max-share is %v; it must be from 0 to 1", p.share)
	}
	if err := p.load(ctx); err != nil {
		return nil, err
	}
	if len(p.channels.Retention) == 0 {
		return nil, fmt.Errorf("%s has no rules under retention; nothing may go", p.config)
	}
	debug.SetGCPercent(100) // inventories are large; commands begin with a wasteful setting
	promotion.LimitMemory()
	return &retention.Planner{
		Config: p.channels, Store: p.store, Registry: p.registryAs(authn.DefaultKeychain), InFlight: (&inFlight{store: p.store}).digests,
		MaxShare: p.share, Parallel: p.concurrency, Say: p.say,
	}, nil
}

// registryAs speaks to registries with the credentials of a keychain.
func (p *pruner) registryAs(keychain authn.Keychain) *retention.Client {
	budgets := map[string]oci.Budget{}
	for host, b := range p.channels.Registries {
		budgets[host] = oci.Budget{Parallel: b.Parallel, Rate: b.Rate}
	}
	return retention.NewClient(oci.Config{Keychain: keychain, Budgets: budgets, Progress: p.say})
}

// check names every plan that deletes more than it may.
func check(planner *retention.Planner, plans []retention.Plan) error {
	var errs []error
	for _, plan := range plans {
		errs = append(errs, planner.Check(plan))
	}
	return errors.Join(errs...)
}

func retentionPlan(env cli.Env) *cobra.Command {
	p := &pruner{world: newWorld(env)}
	c := &cobra.Command{
		Use: "plan", Short: "Show which images may go, and why the others stay; nothing is deleted", Args: cli.NoArgs,
		Long: "Show which images may go, and why the others stay. Nothing is deleted; the store\nis told what was seen for the first time.\n\n" + retentionHelp,
		Example: `  slipway retention plan --store gs://BUCKET
  slipway retention plan --store gs://BUCKET --output json > plan.json`,
		RunE: func(c *cobra.Command, _ []string) error {
			planner, err := p.planner(c.Context())
			if err != nil {
				return err
			}
			plans, err := planner.Plan(c.Context())
			return errors.Join(p.showPlans(plans), err, check(planner, plans))
		},
	}
	p.addFlags(c.Flags())
	return c
}

// deletion is an order to delete.
type deletion struct {
	pruner
	auth, file   string
	confirm, job bool
}

// retentionApply acts with --confirm, or, as a job, at once.
func retentionApply(env cli.Env, job bool) *cobra.Command {
	d := &deletion{pruner: pruner{world: newWorld(env)}, job: job}
	c := &cobra.Command{
		Use: "apply", Short: "Delete what a plan says, and look again before", Args: cli.NoArgs,
		Long: `Delete what a plan says: that of --plan, as retention plan --output json wrote it, or
one that is made now. Everything is looked at again before: what somebody came to want
since the plan was made is kept, and named. Manifests are written down in the store,
whole, before they are deleted. What cannot be deleted is set aside; the next run tries
it again, and ends what a run that died left.

The credentials that delete come from --delete-auth, a file as docker and podman login
write it; they must be others than those that plan. Registries on this machine may go
without any.

` + retentionHelp,
		Example: `  slipway retention apply --store gs://BUCKET --plan plan.json --delete-auth deleter.json --confirm`,
		RunE:    func(c *cobra.Command, _ []string) error { return d.run(c.Context()) },
	}
	d.addFlags(c.Flags())
	d.addWho(c.Flags())
	c.Flags().StringVar(&d.auth, "delete-auth", "", "docker config.json with the credentials that may delete")
	c.Flags().StringVar(&d.file, "plan", "", "file with the plan; what it does not name stays")
	if !job {
		c.Flags().BoolVar(&d.confirm, "confirm", false, "act; without it the plan is shown")
	}
	return c
}

func (d *deletion) run(ctx context.Context) error {
	if d.auth == "" {
		return cli.Misuse("--delete-auth is missing; name a docker config.json with credentials that may delete and are not those that plan")
	}
	planner, err := d.planner(ctx)
	if err != nil {
		return err
	}
	deletes, err := d.credentials(planner)
	if err != nil {
		return err
	}
	plans, failed := d.plans(ctx, planner)
	if err := check(planner, plans); err != nil {
		return errors.Join(d.showPlans(plans), failed, err)
	}
	if !d.confirm && !d.job {
		d.say("nothing is deleted; the same with --confirm does it")
		return errors.Join(d.showPlans(plans), failed)
	}
	applier := &retention.Applier{Planner: planner, Deleter: d.registryAs(deletes), Who: d.whoami()}
	outcomes := []retention.Outcome{}
	for _, plan := range plans {
		outcome, err := applier.Apply(ctx, plan)
		outcomes, failed = append(outcomes, outcome), errors.Join(failed, err)
	}
	return errors.Join(d.showOutcomes(outcomes), failed)
}

// credentials are those of --delete-auth, which must not be the ones that plan.
func (d *deletion) credentials(planner *retention.Planner) (authn.Keychain, error) {
	deletes, err := retention.KeychainFile(d.auth)
	if err != nil {
		return nil, err
	}
	for _, repository := range planner.Repositories() {
		note, err := retention.CheckCredentials(repository, authn.DefaultKeychain, deletes)
		if err != nil {
			return nil, err
		}
		if note != "" {
			d.say("note: " + note)
		}
	}
	return deletes, nil
}

// plans are those of --plan, or new ones. An idle rule stops everything; one broken
// repository does not stop the others.
func (d *deletion) plans(ctx context.Context, planner *retention.Planner) ([]retention.Plan, error) {
	now, err := planner.Plan(ctx)
	var idle *retention.IdleError
	if errors.As(err, &idle) {
		return nil, err
	}
	if d.file == "" {
		return now, err
	}
	data, failed := os.ReadFile(d.file)
	if failed != nil {
		return nil, fmt.Errorf("read the plan: %w", failed)
	}
	var plans []retention.Plan
	if failed := json.Unmarshal(data, &plans); failed != nil {
		return nil, fmt.Errorf("read the plan: %s is not what `slipway retention plan --output json` wrote: %w", d.file, failed)
	}
	if failed := planner.Verify(plans); failed != nil {
		return nil, failed
	}
	return plans, err
}
