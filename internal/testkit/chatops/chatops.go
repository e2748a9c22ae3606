// Package chatops is a small world in which people promote by comments: a GitHub with
// a configuration repository and a guest's, the plugin behind real webhooks, and a
// runner that does what Prow would with the plugin's ProwJobs, by the real promoter.
//
// Tests, the attack list and the demonstration play the same conversation in it. All
// of it is real but GitHub, which is the strict fake, and the cluster, of which a
// clientset in memory holds the ProwJobs unless another is given.
package chatops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned"
	"sigs.k8s.io/prow/pkg/client/clientset/versioned/fake"
	"sigs.k8s.io/prow/pkg/git/v2"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/prow/configrepo"
	"slipway.dev/slipway/prow/plugin/promote"
)

// The names of this world.
const (
	Robot      = "slipway-robot"     // whom the plugin is on GitHub
	Org        = "example"           // of the guest's repository
	Guest      = "hello-os"          // the repository in which people talk
	ConfigOrg  = "slipway"           // of the configuration repository
	Config     = "slipway"           // the configuration repository
	Namespace  = "prow"              // of ProwJobs
	Artifact   = "hello-disk"        // that people promote
	PromoteJob = "slipway-promote"   // what promoters' ProwJobs are called
	secret     = "the webhook's key" // of this world alone
)

// Options is what a world may be told. Its zero value is useful.
type Options struct {
	Dir    string                           // holds everything; needed
	Files  map[string]string                // of the configuration repository, in the place of the usual ones
	People []string                         // further members, who are collaborators of both repositories
	Jobs   versioned.Interface              // nil is one in memory
	Idle   bool                             // nobody runs the ProwJobs
	Absent bool                             // no plugin runs; the test brings its own, with KeyFile and Dir
	Silent bool                             // nobody sends the plugin webhooks
	Error  func(format string, args ...any) // told of wrong requests to GitHub
	Log    func(format string, args ...any)
	Poll   time.Duration // of the plugin; 0 is 100 ms
	Now    func() time.Time
	Lives  func() (calls int, after bool)                          // how many calls of anything each plugin lives, and whether the last is carried out; nil or 0 is for ever
	Client func(prowgithub.ClientOptions) prowgithub.ClientOptions // changes how the plugin's client of GitHub is made
}

// World is the running world.
type World struct {
	Options
	GitHub *github.Server
	Config *github.Repo
	Guest  *github.Repo
	Store  store.Store       // of plans, decisions, the ledger
	Client prowgithub.Client // the robot's
	Reader prowgithub.Client // somebody else's, by which the world looks at GitHub
	Plugin *promote.Plugin
	URL    string // where it takes webhooks

	life    running
	keys    map[string]dsse.SignerVerifier
	disks   store.Store
	git     git.ClientFactory
	config  *configrepo.Repo // as the world itself reads it
	log     *logrus.Entry
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

// New makes a world for a test, which ends with it.
func New(t testing.TB, options ...func(*Options)) *World {
	t.Helper()
	o := Options{Dir: t.TempDir(), Error: t.Errorf, Log: t.Logf}
	for _, option := range options {
		option(&o)
	}
	w, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Start makes a world. The caller closes it.
func Start(ctx context.Context, o Options) (w *World, err error) {
	w = &World{Options: o, keys: map[string]dsse.SignerVerifier{}}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.Poll == 0 {
		w.Poll = 100 * time.Millisecond
	}
	if w.Jobs == nil {
		w.Jobs = fake.NewSimpleClientset()
	}
	if w.Store, err = folder.New(w.in("store")); err != nil {
		return w, err
	}
	if w.disks, err = folder.New(w.in("disks")); err != nil {
		return w, err
	}
	logrus.SetLevel(logrus.WarnLevel) // Prow's clients tell the global logger of every call
	w.log = logger(o.Log)
	if err := errors.Join(w.makeKeys("ci", "chatops"), w.openGitHub()); err != nil {
		return w, err
	}
	if w.Client, err = w.client(Robot); err != nil {
		return w, err
	}
	if w.Reader, err = w.client("maintainer-one"); err != nil {
		return w, err
	}
	if w.git, err = git.NewLocalClientFactory(w.in("git"), nil, func(b []byte) []byte { return b }); err != nil {
		return w, err
	}
	w.config = w.repo(w.Reader)
	if !w.Absent {
		if err := w.startPlugin(); err != nil {
			return w, err
		}
	}
	if !w.Idle {
		w.goRun(w.runJobs)
	}
	return w, ctx.Err()
}

func (w *World) in(name string) string { return filepath.Join(w.Dir, name) }

// Close ends everything.
func (w *World) Close() {
	w.life.Lock()
	w.life.closed = true
	w.life.Unlock()
	w.endPlugin()
	if w.stop != nil {
		w.stop()
	}
	w.stopped.Wait()
	if w.GitHub != nil {
		w.GitHub.Close()
	}
	if w.git != nil {
		_ = w.git.Clean()
	}
}

func (w *World) goRun(do func(context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	before := w.stop
	w.stop = func() {
		stop()
		if before != nil {
			before()
		}
	}
	w.stopped.Add(1)
	go func() {
		defer w.stopped.Done()
		do(ctx)
	}()
}

// logger writes to a test's log.
func logger(log func(string, ...any)) *logrus.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetLevel(logrus.DebugLevel)
	if log != nil {
		l.AddHook(hook(log))
	}
	return logrus.NewEntry(l)
}

type hook func(string, ...any)

func (hook) Levels() []logrus.Level {
	return []logrus.Level{logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel}
}

func (h hook) Fire(e *logrus.Entry) error {
	h("plugin: %s %v", e.Message, e.Data)
	return nil
}

// client is Prow's, with short pauses.
func (w *World) client(login string) (prowgithub.Client, error) {
	o := prowgithub.ClientOptions{
		Censor: func(b []byte) []byte { return b }, GetToken: func() []byte { return []byte(login + "-token") },
		Bases: []string{w.GitHub.URL()}, GraphqlEndpoint: w.GitHub.URL() + "/graphql",
		MaxRetries: 4, InitialDelay: 5 * time.Millisecond, MaxSleepTime: 2 * time.Second, MaxRequestTime: 20 * time.Second,
	}
	if w.Options.Client != nil {
		o = w.Options.Client(o)
	}
	_, _, c, err := prowgithub.NewClientFromOptions(logrus.Fields{}, o)
	return c, err
}

// Wait asks until the answer is yes.
func (w *World) Wait(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		yes, err := is()
		if err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
