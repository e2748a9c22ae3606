// Package gerritcmd makes the command of the component that starts presubmits by votes on Gerrit.
//
// It is a component of Prow's like its own: the same flags for configuration and
// cluster, JSON logs, a health port.
package gerritcmd

import (
	"flag"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	prowflags "sigs.k8s.io/prow/pkg/flagutil"
	configflags "sigs.k8s.io/prow/pkg/flagutil/config"
	"sigs.k8s.io/prow/pkg/logrusutil"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/prow/gerrit"
)

// options are the command's flags.
type options struct {
	config         configflags.ConfigOptions
	kubernetes     prowflags.KubernetesOptions
	cookieFile     string
	healthPort     int
	requestTimeout time.Duration
	pollDeadline   time.Duration
}

// Command is the trigger.
func Command(env cli.Env) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "gerrit-trigger",
		Short: "Start presubmits by votes on Gerrit's changes",
		Long: `Start presubmits by votes on Gerrit's changes.

Polls the projects of gerrit.org_repos_config in Prow's configuration, at gerrit.tick_interval. A presubmit with the
annotation slipway.dev/trigger-vote, as in "Trybot-Ready+1", is started once for each patch set that has the vote.`,
		Example: `  gerrit-trigger --config-path config/config.yaml --job-config-path jobs --cookiefile /etc/cookies/cookies`,
		Args:    cli.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c, env) },
	}
	flags := flag.NewFlagSet(c.Name(), flag.ContinueOnError)
	o.config.AddFlags(flags)
	o.kubernetes.AddFlags(flags)
	c.Flags().AddGoFlagSet(flags)
	c.Flags().StringVar(&o.cookieFile, "cookiefile", "", "git's http.cookieFile with the cookie of the account that records on changes what was started")
	c.Flags().IntVar(&o.healthPort, "health-port", 8081, "port of /healthz and /healthz/ready, which fails while polls do")
	c.Flags().DurationVar(&o.requestTimeout, "request-timeout", 0, "of one request to Gerrit (default 30s)")
	c.Flags().DurationVar(&o.pollDeadline, "poll-deadline", 0, "of one poll of one project (default 5m)")
	return c
}

func (o *options) validate() error {
	if o.cookieFile == "" {
		return cli.Misuse("--cookiefile is missing: without an account nothing can be recorded on changes")
	}
	if _, err := gerrit.CookieFile(o.cookieFile)(); err != nil {
		return cli.Misuse("--cookiefile: %w", err)
	}
	if err := o.config.Validate(false); err != nil {
		return cli.Misuse("%w", err)
	}
	if err := o.kubernetes.Validate(false); err != nil {
		return cli.Misuse("%w", err)
	}
	return nil
}

func (o *options) run(c *cobra.Command, env cli.Env) error {
	if err := o.validate(); err != nil {
		return err
	}
	agent, err := o.config.ConfigAgent()
	if err != nil {
		return err
	}
	jobs, err := o.kubernetes.ProwJobClient(agent.Config().ProwJobNamespace, false)
	if err != nil {
		return err
	}
	trigger := &gerrit.Trigger{
		Config: agent.Config, ProwJobs: jobs, Cookie: gerrit.CookieFile(o.cookieFile), Log: logger(env),
		RequestTimeout: o.requestTimeout, PollDeadline: o.pollDeadline,
	}
	pjutil.NewHealthOnPort(o.healthPort).ServeReady(trigger.Ready)
	trigger.Run(c.Context())
	return nil
}

// logger writes JSON, as Prow's components do; so does the global one, which Prow's
// packages use. The cookie travels in a header, which nothing logs.
func logger(env cli.Env) *logrus.Entry {
	log := logrus.New()
	log.SetOutput(env.Stderr)
	log.SetFormatter(&logrusutil.DefaultFieldsFormatter{
		WrappedFormatter: &logrus.JSONFormatter{}, DefaultFields: logrus.Fields{"component": "gerrit-trigger"},
	})
	logrus.SetOutput(log.Out)
	logrus.SetFormatter(log.Formatter)
	return logrus.NewEntry(log)
}
