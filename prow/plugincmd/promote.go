package plugincmd

import (
	"context"
	"fmt"

	"sigs.k8s.io/prow/pkg/config"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
	"slipway.dev/slipway/prow/plugin/promote"
)

// passwordEnv holds the password of --key-file, if it has one.
const passwordEnv = "SLIPWAY_KEY_PASSWORD"

// promote makes the plugin that promotes; nil where no store is named, and in a dry
// run, whose records would be real.
func (o *options) promote(ctx context.Context, env cli.Env, w *world) (*promote.Plugin, error) {
	if o.store == "" || o.dryRun {
		w.log.Info("promote is off: it needs --store, --key-file and --dry-run=false.")
		return nil, nil
	}
	opened, err := storeurl.Open(ctx, o.store)
	if err != nil {
		return nil, err
	}
	signer, err := signing.ReadPrivate(o.keyFile, passwordEnv, env.Getenv)
	if err != nil {
		return nil, err
	}
	job := func() (config.Postsubmit, error) { return o.job(w.config.Config()) }
	if _, err := job(); err != nil {
		return nil, err
	}
	log := w.log.WithField("plugin", "promote")
	say := func(message string) { log.Info(message) }
	return promote.New(promote.Config{
		Comments: w.github, People: w.github, Repo: w.repo, Store: opened, Signer: signer, ProwJobs: w.jobs, Job: job, Log: log,
		Promoter: func(c *channel.Config) (*promotion.Promoter, error) { return promoter(c, opened, say) },
	}), nil
}

// promoter plans by a configuration.
func promoter(c *channel.Config, s store.Store, say func(string)) (*promotion.Promoter, error) {
	proofs, err := proof.New(s, c.Signers, say)
	if err != nil {
		return nil, err
	}
	budgets := map[string]oci.Budget{}
	for host, b := range c.Registries {
		budgets[host] = oci.Budget{Parallel: b.Parallel, Rate: b.Rate}
	}
	return &promotion.Promoter{
		Config: c, Store: s, Registry: oci.New(oci.Config{Budgets: budgets, Progress: say}), Proof: proofs,
		OpenStore: storeurl.Open, Who: "slipway-plugin", Say: say, Parallel: 16,
	}, nil
}

// job finds the postsubmit that promoters are made of.
func (o *options) job(c *config.Config) (config.Postsubmit, error) {
	for _, job := range c.GetPostsubmitsStatic(o.configRepo) {
		if job.Name == o.promoteJob {
			return job, nil
		}
	}
	return config.Postsubmit{}, fmt.Errorf("%s has no postsubmit %s: see --promote-job and --job-config-path", o.configRepo, o.promoteJob)
}
