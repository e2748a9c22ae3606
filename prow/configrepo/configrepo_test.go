package configrepo_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/git/v2"
	prowgithub "sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/testkit/github"
	"slipway.dev/slipway/prow/configrepo"
)

const channels = `
signers: {chatops: {key: keys/chatops.pub}}
channels:
  image: [{name: stable, gate: {approvals: {count: 1, signers: [chatops]}}}]
artifacts:
- {name: hello-os, kind: image, location: registry.example.com/hello-os, channels: image}
`

// good is a configuration repository that has everything.
func good() map[string]string {
	return map[string]string{
		"OWNERS":                         "approvers: [maintainers]\n",
		"OWNERS_ALIASES":                 "aliases:\n  maintainers: [maintainer-one, Maintainer-Two]\n  releasers: [maintainer-three]\n",
		"config/channels.yaml":           channels,
		"config/keys/chatops.pub":        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"config/approvers/stable/OWNERS": "options: {no_parent_owners: true}\napprovers: [releasers, gone]\n",
		"config/approvers/test/OWNERS":   "approvers: [maintainer-four]\n",
		"jobs/OWNERS":                    "filters:\n  '\\.yaml$': {approvers: [maintainer-four]}\n",
		"jobs/a.yaml":                    "{}\n",
	}
}

var everybody = map[string]string{
	"maintainer-one": "write", "maintainer-two": "read", "maintainer-three": "read", "maintainer-four": "read", "robot": "admin", "stable": "read", "releasers": "read",
}

type rig struct {
	*configrepo.Repo
	github *github.Server
	repo   *github.Repo
}

func newRig(t *testing.T, files map[string]string) *rig {
	t.Helper()
	server, base := github.New(t), t.TempDir()
	server.AddUser("robot", "robot-token")
	repo, err := server.AddRepo("slipway", "slipway", github.Options{GitDir: filepath.Join(base, "slipway", "slipway"), Collaborators: everybody})
	if err != nil {
		t.Fatal(err)
	}
	factory, err := git.NewLocalClientFactory(base, nil, func(b []byte) []byte { return b })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = factory.Clean() })
	r := &rig{&configrepo.Repo{
		Org: "slipway", Name: "slipway", Branch: "main", Channels: "config/channels.yaml",
		Git: factory, GitHub: client(t, server), Log: logrus.WithField("test", t.Name()),
	}, server, repo}
	r.push(t, "main", files)
	return r
}

func client(t *testing.T, server *github.Server) prowgithub.Client {
	t.Helper()
	_, _, c, err := prowgithub.NewClientFromOptions(logrus.Fields{}, prowgithub.ClientOptions{
		Censor: func(b []byte) []byte { return b }, GetToken: func() []byte { return []byte("robot-token") },
		Bases: []string{server.URL()}, GraphqlEndpoint: server.URL() + "/graphql",
		MaxRetries: 3, InitialDelay: time.Millisecond, MaxSleepTime: time.Second, MaxRequestTime: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) push(t *testing.T, branch string, files map[string]string) string {
	t.Helper()
	sha, err := r.repo.PushAs("maintainer-one", branch, "Change it", files)
	if err != nil {
		t.Fatal(err)
	}
	return sha
}

func (r *rig) read(t *testing.T) *configrepo.Snapshot {
	t.Helper()
	s, err := r.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhoApproves(t *testing.T) {
	s := newRig(t, good()).read(t)
	tests := []struct {
		path string
		want []string
	}{
		{"config/approvers/stable", []string{"maintainer-three"}}, // no parents, and who is gone does not count
		{"config/approvers/test", []string{"maintainer-four", "maintainer-one", "maintainer-two"}},
		{"config/channels.yaml", []string{"maintainer-one", "maintainer-two"}},
		{"config", []string{"maintainer-one", "maintainer-two"}},
		{".", []string{"maintainer-one", "maintainer-two"}},
		{"jobs/a.yaml", []string{"maintainer-four", "maintainer-one", "maintainer-two"}},
		{"config/approvers/stabel", nil}, // no such path: nobody, not the parents
		{"config/approvers/stable/", nil},
		{"/config", nil},
		{"config/../config", nil},
		{"../slipway/config", nil},
		{"", nil},
		{".git", nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, s.Approvers(tt.path)); diff != "" && len(tt.want)+len(s.Approvers(tt.path)) > 0 {
			t.Errorf("%q (- want, + got):\n%s", tt.path, diff)
		}
		for _, login := range tt.want {
			if !s.Approves(tt.path, "@"+strings.ToUpper(login)) {
				t.Errorf("%s does not approve %q", login, tt.path)
			}
		}
	}
	for _, login := range []string{"", "maintainers", "releasers", "gone", "robot", "maintainer-two", "maintainer"} {
		if s.Approves("config/approvers/stable", login) {
			t.Errorf("%q approves", login)
		}
	}
}

func TestMember(t *testing.T) {
	s := newRig(t, good()).read(t)
	for _, tt := range []struct {
		group, login string
		want         bool
	}{
		{"maintainers", "MAINTAINER-two", true}, {"Maintainers", "maintainer-one", true}, {"releasers", "maintainer-one", false},
		{"maintainer-one", "maintainer-one", false}, {"", "", false}, {"releasers", "releasers", false},
	} {
		if got := s.Member(tt.group, tt.login); got != tt.want {
			t.Errorf("%s in %s: got %v", tt.login, tt.group, got)
		}
	}
}

func TestOnlyTheBaseBranchSpeaks(t *testing.T) {
	r := newRig(t, good())
	before := r.read(t)
	r.push(t, "evil", map[string]string{"config/approvers/stable/OWNERS": "approvers: [robot]\n"})
	if _, err := r.repo.OpenPullAs("robot", github.NewPull{Title: "Mine", Head: "evil"}); err != nil {
		t.Fatal(err)
	}
	after := r.read(t)
	if after.Commit != before.Commit || after.Approves("config/approvers/stable", "robot") {
		t.Errorf("at %s, after %s: a pull request's OWNERS count", after.Commit, before.Commit)
	}
	merged := r.push(t, "main", map[string]string{
		"config/approvers/stable/OWNERS": "approvers: [robot]\n",
		"config/channels.yaml":           strings.Replace(channels, "count: 1", "count: 2", 1),
	})
	after = r.read(t)
	_, stable, err := after.Channels.Channel("hello-os/stable")
	if after.Commit != merged || !after.Approves("config/approvers/stable", "robot") || err != nil || stable.Gate.Approvals.Count != 2 {
		t.Errorf("at %s, want %s: %+v %v", after.Commit, merged, stable, err)
	}
	if before.Approves("config/approvers/stable", "robot") {
		t.Error("a snapshot changed with the branch")
	}
}

// The branch moves between the question for its tip and the reading of its files.
func TestSnapshotIsOfOneCommit(t *testing.T) {
	r := newRig(t, good())
	r.GitHub = &movingGitHub{GitHub: r.GitHub, move: sync.OnceFunc(func() {
		r.push(t, "main", map[string]string{
			"config/approvers/stable/OWNERS": "approvers: [robot]\n",
			"config/channels.yaml":           strings.Replace(channels, "count: 1", "count: 2", 1),
		})
	})}
	s := r.read(t)
	_, stable, _ := s.Channels.Channel("hello-os/stable")
	if s.Approves("config/approvers/stable", "robot") || stable.Gate.Approvals.Count != 1 {
		t.Errorf("approvers %v, count %d: of two commits", s.Approvers("config/approvers/stable"), stable.Gate.Approvals.Count)
	}
	if s = r.read(t); !s.Approves("config/approvers/stable", "robot") {
		t.Error("the next reading does not see the new commit")
	}
}

type movingGitHub struct {
	configrepo.GitHub
	move func()
}

func (m *movingGitHub) GetRef(org, repo, ref string) (string, error) {
	defer m.move()
	return m.GitHub.GetRef(org, repo, ref)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	tests := []struct{ name, file, content, want string }{
		{"broken OWNERS", "config/approvers/stable/OWNERS", "approvers: [a\n", "config/approvers/stable/OWNERS"},
		{"OWNERS of another shape", "config/approvers/stable/OWNERS", "approvers: {a: b}\n", "config/approvers/stable/OWNERS"},
		{"broken filter", "jobs/OWNERS", "filters:\n  '(': {approvers: [a]}\n", "jobs/OWNERS"},
		{"broken aliases", "OWNERS_ALIASES", "aliases: [a]\n", "OWNERS_ALIASES"},
		{"alias loop", "OWNERS_ALIASES", "aliases:\n  a: [b]\n  b: [a]\n", "names the alias"},
		{"alias of itself", "OWNERS_ALIASES", "aliases:\n  releasers: [releasers]\n", "names the alias"},
		{"alias in an alias", "OWNERS_ALIASES", "aliases:\n  releasers: [Maintainers]\n  maintainers: [maintainer-one]\n", "names the alias"},
		{"broken channels", "config/channels.yaml", "channels: 1\n", "config/channels.yaml"},
		{"gate that requires nothing", "config/channels.yaml", strings.Replace(channels, "approvals: {count: 1, signers: [chatops]}", "", 1), "config/channels.yaml"},
		{"key outside", "config/channels.yaml", strings.Replace(channels, "keys/chatops.pub", "../../../../etc/passwd", 1), "config/channels.yaml"},
		{"no key", "config/keys/chatops.pub", "none", "chatops"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := good()
			files[tt.file] = tt.content
			r := newRig(t, files)
			if s, err := r.Read(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v; want an error with %q", s, err, tt.want)
			}
			r.push(t, "main", map[string]string{tt.file: good()[tt.file]})
			r.read(t) // mended is mended
		})
	}
}

func TestMissingChannelsAndBranch(t *testing.T) {
	files := good()
	delete(files, "config/channels.yaml")
	r := newRig(t, files)
	if _, err := r.Read(t.Context()); err == nil {
		t.Error("channels that are missing were read")
	}
	r.Branch = "gone"
	if _, err := r.Read(t.Context()); err == nil {
		t.Error("a branch that is missing was read")
	}
}

// Without the list nobody knows whether an approver is still who they were.
func TestNoListOfPeopleIsAnError(t *testing.T) {
	r := newRig(t, good())
	r.read(t)
	r.GitHub = failingGitHub{r.GitHub}
	if s, err := r.Read(t.Context()); err == nil {
		t.Errorf("got %+v", s)
	}
}

type failingGitHub struct{ configrepo.GitHub }

func (failingGitHub) ListCollaborators(string, string) ([]prowgithub.User, error) {
	return nil, fmt.Errorf("status 502")
}

func TestReadingAtTheSameTime(t *testing.T) {
	r := newRig(t, good())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s, err := r.Read(t.Context()); err != nil || !s.Approves("config/approvers/stable", "maintainer-three") {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	begin := time.Now()
	for range 20 {
		r.read(t)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("20 readings of one commit took %s: it is read again each time", took)
	}
}
