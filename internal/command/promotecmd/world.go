package promotecmd

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
)

// world is what commands about channels work on.
type world struct {
	env         cli.Env
	config      string
	at          storeFlag
	who         string
	concurrency int

	channels *channel.Config
	store    store.Store
	registry *oci.Client
}

func newWorld(env cli.Env) *world { return &world{env: env} }

// addFlags adds where the configuration and the store are.
func (w *world) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&w.config, "config", "config/channels.yaml", "the channels' configuration")
	w.at.add(flags)
	flags.IntVar(&w.concurrency, "jobs", 16, "channels that are worked on at a time")
}

// addWho adds what a command takes that writes in the ledger.
func (w *world) addWho(flags *pflag.FlagSet) {
	flags.StringVar(&w.who, "who", "", "who is named in the ledger (default: the Prow job, or the user and machine)")
}

// load reads the configuration, and opens the store.
func (w *world) load(ctx context.Context) (err error) {
	if err := w.at.check(); err != nil {
		return err
	}
	if w.concurrency < 1 {
		return cli.Misuse("--jobs is %d; it must be 1 or more", w.concurrency)
	}
	if w.channels, err = channel.Load(w.config); err != nil {
		return err
	}
	w.store, err = w.at.open(ctx)
	return err
}

// client speaks to registries within the budgets of the configuration.
func (w *world) client() *oci.Client {
	if w.registry == nil {
		budgets := map[string]oci.Budget{}
		for host, b := range w.channels.Registries {
			budgets[host] = oci.Budget{Parallel: b.Parallel, Rate: b.Rate}
		}
		w.registry = oci.New(oci.Config{Budgets: budgets, Progress: w.say})
	}
	return w.registry
}

// promoter is ready to plan and to apply.
func (w *world) promoter(ctx context.Context) (*promotion.Promoter, error) {
	if err := w.load(ctx); err != nil {
		return nil, err
	}
	promotion.LimitMemory()
	proofs, err := proof.New(w.store, w.channels.Signers, w.say)
	if err != nil {
		return nil, err
	}
	return &promotion.Promoter{
		Config: w.channels, Store: w.store, Registry: w.client(), Proof: proofs,
		OpenStore: storeurl.Open, Who: w.whoami(), Say: w.say, Parallel: w.concurrency,
	}, nil
}

func (w *world) say(message string) { fmt.Fprintln(w.env.Stderr, message) }

// whoami names the job that runs, or else the person.
func (w *world) whoami() string {
	if w.who != "" {
		return w.who
	}
	if job := w.env.Getenv("JOB_NAME"); job != "" {
		return "job " + job + " " + w.env.Getenv("BUILD_ID")
	}
	user := w.env.Getenv("USER")
	if user == "" {
		user = fmt.Sprintf("uid %d", os.Getuid())
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown machine"
	}
	return user + " on " + host
}

// match are the channels that the arguments name: full names, or patterns of them as
// of path.Match. None is all.
func (w *world) match(args []string) ([]string, error) {
	all := w.channels.All()
	if len(args) == 0 {
		return all, nil
	}
	var found []string
	for _, arg := range args {
		if !isPattern(arg) {
			if _, _, err := w.known(arg); err != nil {
				return nil, err
			}
			found = append(found, arg)
			continue
		}
		matched, err := matching(arg, all)
		if err != nil {
			return nil, err
		}
		found = append(found, matched...)
	}
	return found, nil
}

// known finds a channel that a person named.
func (w *world) known(full string) (channel.Artifact, channel.Channel, error) {
	a, ch, err := w.channels.Channel(full)
	if err != nil {
		err = cli.Misuse("%w", err)
	}
	return a, ch, err
}

func isPattern(arg string) bool { return strings.ContainsAny(arg, "*?[") }

func matching(pattern string, all []string) (found []string, err error) {
	for _, full := range all {
		ok, err := path.Match(pattern, full)
		if err != nil {
			return nil, cli.Misuse("pattern %q: %w", pattern, err)
		}
		if ok {
			found = append(found, full)
		}
	}
	if len(found) == 0 {
		return nil, cli.Misuse("no channel matches %q; `slipway channel list` lists them", pattern)
	}
	return found, nil
}
