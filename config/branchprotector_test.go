package config

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/prow/pkg/config"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/tools"
)

// bot is who merges; branchprotector acts in its name.
const bot = "slipway-bot"

// hosted is GitHub with the repositories that have presubmits, and one that has no
// job. Each has branches main, release-1 and topic.
type hosted struct {
	*github.Server
	repos   []string // org/name, sorted
	program string   // branchprotector
	token   string   // file
}

func newHosted(t *testing.T, loaded *config.Config) hosted {
	t.Helper()
	need.Tool(t, "git", "git")
	h := hosted{Server: github.New(t), program: tools.Prow(t, "branchprotector"), token: filepath.Join(t.TempDir(), "token")}
	if err := os.WriteFile(h.token, []byte("bot-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.AddUser(bot, "bot-token")
	h.AddUser("maintainer-one", "maintainer-token")
	h.repos = append(slices.Collect(maps.Keys(loaded.PresubmitsStatic)), "example/new")
	h.repos = slices.DeleteFunc(h.repos, func(name string) bool { return strings.HasPrefix(name, "http") }) // Gerrit's
	slices.Sort(h.repos)
	for _, name := range h.repos {
		org, repo, _ := strings.Cut(name, "/")
		added, err := h.AddRepo(org, repo, github.Options{Collaborators: map[string]string{bot: "admin", "maintainer-one": "write"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, branch := range []string{"main", "release-1", "topic"} {
			if _, err := added.PushAs(bot, branch, "Begin "+branch, map[string]string{"README.md": branch + "\n"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// protect runs branchprotector once and returns the requests that changed something.
func (h hosted) protect(t *testing.T) []string {
	t.Helper()
	before := len(h.Requests())
	var said bytes.Buffer
	err := exec.Run(t.Context(), exec.Cmd{
		Path: h.program,
		Args: []string{
			"branchprotector", "--confirm", "--config-path=config.yaml", "--job-config-path=../jobs", "--github-endpoint=" + h.URL(),
			"--github-token-path=" + h.token, "--github-hourly-tokens=100000", "--github-allowed-burst=100000",
			"--github-client.max-404-retries=0", "--github-client.initial-delay=10ms", // an unprotected branch is a 404
		},
		Stdout: &said, Stderr: &said, Grace: 5 * time.Second,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	made := h.Requests()[before:]
	if len(made) < 3*len(h.repos) {
		t.Fatalf("branchprotector asked only %d times", len(made))
	}
	var changes []string
	for _, r := range made {
		if r.Method != "GET" {
			changes = append(changes, r.Method+" "+r.Path)
		}
	}
	return changes
}

// want is what config.yaml says of a branch, in GitHub's words.
func want(contexts []string) github.Protection {
	p := github.Protection{
		EnforceAdmins: true, LinearHistory: true,
		Restrictions: &github.PushRestrictions{Users: []string{bot}, Teams: []string{}, Apps: []string{}},
	}
	if len(contexts) > 0 {
		p.Checks = &github.RequiredChecks{Contexts: contexts}
	}
	return p
}

// required are the contexts that every pull request of a repository gets.
func required(presubmits []config.Presubmit) []string {
	var names []string
	for _, j := range presubmits {
		if j.AlwaysRun && !j.Optional && !j.SkipReport {
			names = append(names, j.Context)
		}
	}
	slices.Sort(names)
	return names
}

func (h hosted) check(t *testing.T, loaded *config.Config) {
	t.Helper()
	for _, name := range h.repos {
		org, repo, _ := strings.Cut(name, "/")
		for branch, protected := range map[string]bool{"main": true, "release-1": true, "topic": false} {
			got, ok := h.Repo(org, repo).Protection(branch)
			if ok != protected {
				t.Errorf("%s=%s is protected: %v, want %v", name, branch, ok, protected)
				continue
			}
			if diff := cmp.Diff(want(required(loaded.PresubmitsStatic[name])), got); ok && diff != "" {
				t.Errorf("%s=%s (-want +got):\n%s", name, branch, diff)
			}
		}
	}
}

// Prow's own branchprotector sets what config.yaml says, changes nothing the second
// time, and mends what somebody changed by hand.
func TestBranchProtector(t *testing.T) {
	loaded, err := config.LoadStrict("config.yaml", filepath.Join("..", "jobs"), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	h := newHosted(t, loaded)
	if got, want := len(h.protect(t)), 2*len(h.repos); got != want {
		t.Errorf("%d branches were protected, want %d", got, want)
	}
	h.check(t, loaded)
	got, _ := h.Repo("example", "guest-agent").Protection("main")
	agent := []string{
		"guest-agent-gobuild", "guest-agent-gocheck", "guest-agent-gotest", "guest-agent-modcheck",
		"guest-agent-packagebuild-deb12", "guest-agent-packagebuild-rpm",
	}
	if diff := cmp.Diff(want(agent), got); diff != "" {
		t.Errorf("guest-agent=main (-want +got):\n%s", diff)
	}
	if changes := h.protect(t); len(changes) > 0 {
		t.Errorf("the second run changed %v", changes)
	}
	mended := h.damage(t)
	if diff := cmp.Diff(mended, slices.Sorted(slices.Values(h.protect(t)))); diff != "" {
		t.Errorf("mended (-want +got):\n%s", diff)
	}
	h.check(t, loaded)
}

// damage is what administrators do by hand. It returns the requests that mend it.
func (h hosted) damage(t *testing.T) []string {
	t.Helper()
	agent, lib := h.Repo("example", "guest-agent"), h.Repo("example", "guest-logging-go")
	agent.Unprotect("release-1")
	loose, ok := agent.Protection("main")
	if !ok {
		t.Fatal("guest-agent=main is not protected")
	}
	loose.EnforceAdmins, loose.ForcePushes = false, true
	agent.Protect("main", loose)
	fewer, _ := lib.Protection("main")
	fewer.Checks = &github.RequiredChecks{Contexts: fewer.Checks.Contexts[1:]}
	lib.Protect("main", fewer)
	more, _ := lib.Protection("release-1")
	more.Restrictions = &github.PushRestrictions{Users: []string{bot, "maintainer-one"}}
	lib.Protect("release-1", more)
	return []string{
		"PUT /repos/example/guest-agent/branches/main/protection",
		"PUT /repos/example/guest-agent/branches/release-1/protection",
		"PUT /repos/example/guest-logging-go/branches/main/protection",
		"PUT /repos/example/guest-logging-go/branches/release-1/protection",
	}
}
