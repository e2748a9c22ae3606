// Package plugincmd makes the command of the server of Slipway's Prow plugins.
//
// It is a component of Prow's like its own: the same flags for configuration, GitHub
// and cluster, JSON logs, a health port, and nothing that is changed unless
// --dry-run=false says so.
package plugincmd

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	prowflags "sigs.k8s.io/prow/pkg/flagutil"
	configflags "sigs.k8s.io/prow/pkg/flagutil/config"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/plugin"
)

// options are the command's flags.
type options struct {
	config     configflags.ConfigOptions
	github     prowflags.GitHubOptions
	kubernetes prowflags.KubernetesOptions

	hmacFile, configRepo, configBranch, channels string
	gitDir                                       string
	store, keyFile, promoteJob                   string
	address                                      string
	port, healthPort, metricsPort                int
	drain                                        time.Duration
	dryRun                                       bool
}

// Command is the server.
func Command(env cli.Env) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "slipway-plugin",
		Short: "Serve Slipway's plugins to Prow's hook",
		Long: `Serve Slipway's plugins to Prow's hook.

promote takes /promote and its kin, trigger-on-label starts presubmits by labels and reviews, release-tags takes pushed
release tags to their channels. Who may approve and push release tags is read from OWNERS of --config-repo at
--config-branch; who may ask for something or start presubmits, from GitHub.`,
		Example: `  slipway-plugin --config-path config/config.yaml --job-config-path jobs --config-repo slipway/slipway \
    --hmac-secret-file /etc/webhook/hmac --github-token-path /etc/github/token \
    --store gs://releases --key-file /etc/chatops/key --dry-run=false`,
		Args: cli.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), env) },
	}
	o.addFlags(c)
	return c
}

func (o *options) addFlags(c *cobra.Command) {
	groups := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	o.github.AllowDirectAccess = true // hook's own ghproxy is named by --github-endpoint
	for _, group := range []interface{ AddFlags(*flag.FlagSet) }{&o.config, &o.github, &o.kubernetes} {
		group.AddFlags(groups)
	}
	f := c.Flags()
	f.AddGoFlagSet(groups)
	f.StringVar(&o.hmacFile, "hmac-secret-file", "/etc/webhook/hmac", "file of the secret that signs webhooks, as hook's")
	f.StringVar(&o.configRepo, "config-repo", "", "repository of the channels and of OWNERS who approve: ORG/NAME")
	f.StringVar(&o.configBranch, "config-branch", "main", "its branch that counts")
	f.StringVar(&o.channels, "channels", "config/channels.yaml", "path of the channels' configuration in it")
	f.StringVar(&o.gitDir, "git-dir", "", "folder of repositories ORG/NAME to read instead of GitHub's, for tests and demonstrations")
	f.StringVar(&o.store, "store", "", "where evidence and ledgers are kept, the promoter's own --store; without it promote is off")
	f.StringVar(&o.keyFile, "key-file", "", "private key that signs what people decide by comments; its password, if any, is in $SLIPWAY_KEY_PASSWORD")
	f.StringVar(&o.promoteJob, "promote-job", "slipway-promote", "postsubmit of --config-repo that a promotion runs")
	f.StringVar(&o.address, "address", "", "address to listen on; empty is every one of the machine")
	f.IntVar(&o.port, "port", 8888, "port of webhooks and /help; 0 is a free one")
	f.IntVar(&o.healthPort, "health-port", 8081, "port of /healthz and /healthz/ready; 0 is a free one")
	f.IntVar(&o.metricsPort, "metrics-port", 9090, "port of /metrics; 0 is a free one")
	f.DurationVar(&o.drain, "drain", 25*time.Second, "how long what is under way may take after a SIGTERM")
	f.BoolVar(&o.dryRun, "dry-run", true, "change nothing, and leave promote off: log what would be started or written")
}

func (o *options) validate() error {
	for _, group := range []interface{ Validate(bool) error }{&o.config, &o.github, &o.kubernetes} {
		if err := group.Validate(o.dryRun); err != nil {
			return cli.Misuse("%w", err)
		}
	}
	switch _, _, ok := splitRepo(o.configRepo); {
	case o.configRepo == "":
		return cli.Misuse("--config-repo is missing; name the repository of channels and OWNERS as ORG/NAME")
	case !ok:
		return cli.Misuse("--config-repo %q is not as in slipway/slipway", o.configRepo)
	case (o.store == "") != (o.keyFile == ""):
		return cli.Misuse("--store and --key-file go together: promote needs both")
	}
	return nil
}

func (o *options) run(ctx context.Context, env cli.Env) error {
	if err := o.validate(); err != nil {
		return err
	}
	log := logger(env)
	w, err := o.open(ctx, log)
	if err != nil {
		return err
	}
	defer w.close()
	handlers := []plugin.Handler{w.triggerLabel().Handler(), w.releaseTag().Handler()}
	promoting, err := o.promote(ctx, env, w)
	if err != nil {
		return err
	}
	if promoting != nil {
		handlers = append(handlers, promoting.Handler())
	}
	secret, err := plugin.OpenSecret(o.hmacFile, log)
	if err != nil {
		return err
	}
	server, err := plugin.New(plugin.Config{Handlers: handlers, Secret: secret, Log: log, Drain: o.drain})
	if err != nil {
		return err
	}
	if promoting == nil {
		return o.serve(ctx, server, log, nil)
	}
	return o.serve(ctx, server, log, promoting.Run)
}

// serve runs the server, and beside it what works on accepted events: it ends after
// the server, so that it has all that was accepted.
func (o *options) serve(ctx context.Context, server *plugin.Server, log *logrus.Entry, beside func(context.Context) error) error {
	at := func(port int) string { return net.JoinHostPort(o.address, strconv.Itoa(port)) }
	l, err := plugin.Listen(at(o.port), at(o.healthPort), at(o.metricsPort))
	if err != nil {
		return err
	}
	log.WithFields(logrus.Fields{"health": l.Health.Addr().String(), "metrics": l.Metrics.Addr().String()}).Infof("Listening at %s.", l.Webhooks.Addr())
	taking, stopTaking := context.WithCancel(ctx)
	defer stopTaking()
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	var group errgroup.Group
	group.Go(func() error {
		defer stopWorking()
		return server.Run(taking, l)
	})
	if beside != nil {
		group.Go(func() error {
			defer stopTaking()
			return beside(working)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
