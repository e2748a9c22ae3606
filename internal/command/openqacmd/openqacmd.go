// Package openqacmd makes the commands that have tests run by an openQA.
//
// What they say on standard output is how the jobs ended, and their exit code is 0 only
// if all passed. Evidence is filed when a test said something of the disk; an openQA that
// is away or refuses us says nothing of it.
package openqacmd

import (
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/openqa"
)

// Where key and secret are, unless a file is named: what is on a command line is seen by
// everybody on the machine.
const keyEnv, secretEnv = "OPENQA_API_KEY", "OPENQA_API_SECRET"

// Group is the noun of people's command.
func Group(env cli.Env) *cobra.Command {
	return cli.Group("openqa", "Have tests run by an openQA", run(env), status(env))
}

// Tester is the job binary.
func Tester(env cli.Env) *cobra.Command {
	return cli.Group("openqa-tester", "Have tests run by an openQA", run(env), status(env))
}

// server is the openQA that a command speaks to.
type server struct {
	host, conf string
	outage     time.Duration
}

func (s *server) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.host, "host", "", "address of openQA: https://HOST")
	flags.StringVar(&s.conf, "client-conf", "", "file with openQA's key and secret below [HOST], as openQA's own client.conf (default: $"+keyEnv+" and $"+secretEnv+")")
	flags.DurationVar(&s.outage, "outage", 2*time.Minute, "how long openQA may be away or busy before it is given up")
}

// open makes the client. needKey says that openQA is asked for more than it tells everybody.
func (s *server) open(env cli.Env, needKey bool) (*openqa.Client, error) {
	if s.host == "" {
		return nil, cli.Misuse("--host is missing; give the address of openQA: https://HOST")
	}
	if s.outage <= 0 {
		return nil, cli.Misuse("--outage %s is no time to wait", s.outage)
	}
	config := openqa.Config{Host: s.host, Patience: s.outage, Say: func(message string) { env.Log().Info(message) }}
	if _, err := openqa.New(config); err != nil {
		return nil, cli.Misuse("--host: %w", err)
	}
	key, secret := strings.TrimSpace(env.Getenv(keyEnv)), strings.TrimSpace(env.Getenv(secretEnv))
	switch {
	case s.conf != "":
		credentials, err := openqa.ReadCredentials(s.conf, s.host)
		if err != nil {
			return nil, err
		}
		config.Credentials = credentials
	case key != "" && secret != "":
		config.Credentials = openqa.Credentials{Key: key, Secret: secret}
	case key != "" || secret != "":
		return nil, cli.Misuse("only one of $%s and $%s is set; a key has a secret", keyEnv, secretEnv)
	case needKey:
		return nil, cli.Misuse("openQA's key is missing; name a file with --client-conf, or set $%s and $%s (openQA's page of API keys makes one)", keyEnv, secretEnv)
	}
	return openqa.New(config)
}
