package golang

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/progress"
)

// fetchEnv is all of the caller's environment that the go command gets. No
// NETRC, GOAUTH, HOME or SSH_AUTH_SOCK: a go.mod chooses the hosts that are
// asked, and must not choose who gets a password.
var fetchEnv = []string{
	"PATH", "TMPDIR",
	"GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO",
}

func scrub(env []string) []string {
	var kept []string
	for _, name := range fetchEnv {
		for _, entry := range env {
			if strings.HasPrefix(entry, name+"=") {
				kept = append(kept, entry)
			}
		}
	}
	return kept
}

// fetcher runs the go command with a scrubbed environment.
type fetcher struct {
	log      logrus.FieldLogger
	home     string   // an empty folder
	env      []string // scrubbed
	modCache string
	goRoot   string // whose go is run; empty is the go in PATH
}

// command is a go command in dir. Later entries of extra win.
func (f fetcher) command(dir string, args []string, extra ...string) exec.Cmd {
	env := append([]string{}, f.env...)
	env = append(env,
		"HOME="+f.home, "XDG_CONFIG_HOME="+f.home, "GOENV=off",
		"GOMODCACHE="+f.modCache, "GOPATH="+f.home+"/path", "GOCACHE="+f.home+"/build",
		"GOTOOLCHAIN=local", "GOWORK=off", "GO111MODULE=on", "GOTELEMETRY=off",
		"GOVCS=*:git",           // a go.mod must not make us run bzr or svn
		"GOFLAGS=-modcacherw",   // so that rm -rf of the cache works
		"GIT_TERMINAL_PROMPT=0", // nobody is there to answer
	)
	cmd := exec.Cmd{Args: append([]string{"go"}, args...), Dir: dir, Env: append(env, extra...)}
	if f.goRoot != "" {
		cmd.Path = f.goRoot + "/bin/go"
	}
	return cmd
}

// transient matches what the go command says when trying again may help.
var transient = regexp.MustCompile(`(?i)dial tcp|i/o timeout|deadline exceeded|connection (reset|refused)|no such host|` +
	`server misbehaving|unexpected EOF|: EOF|TLS handshake|stream error|broken pipe|: (429|5\d\d) `)

// tries is how often a fetch is tried, with a growing pause between.
const tries = 3

// retry calls try until it succeeds, fails for good, or has failed tries times.
func (f fetcher) retry(ctx context.Context, what string, try func() error) error {
	defer progress.Watch(10*time.Second, what, func(message string) { f.log.Info(message) })()
	for n := 1; ; n++ {
		err := try()
		if err == nil || n == tries || ctx.Err() != nil || !transient.MatchString(err.Error()) {
			return err
		}
		pause := time.Duration(n*n) * time.Second
		f.log.Warnf("%s: trying again in %s: %v", what, pause, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
