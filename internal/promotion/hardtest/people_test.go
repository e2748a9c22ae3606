package hardtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/testkit/need"
)

// people is a gated world in which a signed git tag of ann's approves.
type people struct {
	*gated
	repo      *gitrepo.Repo
	ann, eve  string // private keys
	committed string
	digest    string // of the commit's image
}

func newPeople(t *testing.T) *people {
	t.Helper()
	p := &people{gated: newGated(t), repo: gitrepo.New(t)}
	public := ""
	p.ann, public = newSSHKey(t)
	p.eve, _ = newSSHKey(t)
	dir := filepath.Dir(p.Config)
	if err := os.WriteFile(filepath.Join(dir, "people"), []byte("ann@example.com "+public+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.reconfigure("{stable: THERE/os}, channels: image}", "{stable: THERE/os}, channels: image, repository: \""+p.repo.URL+"\"}")
	p.reconfigure("chatops: {key: chatops.pub}", "people: {ssh: people}")
	p.reconfigure("signers: [chatops]", "tags: [people]")
	p.reconfigure("from: next", "from: next\n    order: held")
	p.committed = p.repo.Commit(t, map[string]string{"README": "one\n"})
	p.digest = p.push(p.here.Host+"/os", p.committed)
	p.passed("ci", "unit", p.digest)
	p.passed("ci", "boot", p.digest)
	p.mustPromote(promotion.Request{Channel: "os/next", Digest: p.digest})
	return p
}

// newSSHKey makes a key and returns the path of its private half, and its public half.
func newSSHKey(t *testing.T) (private, public string) {
	t.Helper()
	need.Tool(t, "ssh-keygen", "openssh-client")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	private = filepath.Join(t.TempDir(), "key")
	if err := exec.Run(ctx, exec.Cmd{Args: []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", private}}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(data))
}

func (p *people) sign(key, tag string) {
	p.Helper()
	p.repo.Git("-c", "gpg.format=ssh", "tag", "-u", key, "-m", "Release", tag, p.committed)
}

// request asks for the image of a tag's commit in testing.
func (p *people) request(tag string) promotion.Request {
	return promotion.Request{Channel: "os/testing", Tag: tag}
}

// A person's signed tag approves the image of its commit, not what next holds today.
func TestSignedTagApproves(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	today := p.renew()
	p.sign(p.ann, "v1.2.3-test")
	p.mustPromote(p.request("v1.2.3-test"))
	p.want(map[string]string{"os/testing": p.digest, "os/next": today})
	line := p.line("os/testing")
	intent := line.Stays()[0].Intent
	object := p.repo.Git("rev-parse", "refs/tags/v1.2.3-test")
	if keys := strings.Join(intent.Evidence, "\n"); !strings.Contains(keys, "tag v1.2.3-test "+object) {
		t.Errorf("the ledger names %s, want the tag's object %s", keys, object)
	}
}

// renew lets next hold something newer.
func (p *people) renew() string {
	p.Helper()
	digest := p.push(p.here.Host+"/os", "today")
	p.passed("ci", "unit", digest)
	p.passed("ci", "boot", digest)
	p.mustPromote(promotion.Request{Channel: "os/next", Digest: digest})
	return digest
}

// A tag that was renamed, moved, signed by a stranger or not at all approves nothing.
func TestTagsThatApproveNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		make   func(p *people)
		reason string
	}{
		"renamed":    {func(p *people) { p.sign(p.ann, "v1.0.0-test"); p.retag("v1.0.0-test") }, "pushed under another name"},
		"a stranger": {func(p *people) { p.sign(p.eve, "v1.2.3-test") }, "no accepted signer has the key"},
		"unsigned":   {func(p *people) { p.repo.Tag("v1.2.3-test", p.committed, "Release") }, "not signed"},
		"no object":  {func(p *people) { p.repo.Tag("v1.2.3-test", p.committed, "") }, "not signed"},
		"missing":    {func(*people) {}, "there is no such tag"},
		"changed": {func(p *people) {
			p.sign(p.ann, "v1.0.0-test")
			p.rewrite("v1.0.0-test", "v1.2.3-test")
		}, "verify tag v1.2.3-test"},
		"no image": {func(p *people) {
			p.committed = p.repo.Commit(p.T, map[string]string{"README": "two\n"})
			p.sign(p.ann, "v1.2.3-test")
		}, "no such manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPeople(t)
			tt.make(p)
			p.wantRefused(p.request("v1.2.3-test"), tt.reason)
		})
	}
}

// retag lets v1.2.3-test name the object of another tag.
func (p *people) retag(tag string) {
	p.Helper()
	p.repo.Git("update-ref", "refs/tags/v1.2.3-test", p.repo.Git("rev-parse", "refs/tags/"+tag))
}

// rewrite pushes a tag's object with another name in it, under the signature of the first.
func (p *people) rewrite(tag, name string) {
	p.Helper()
	text := p.repo.Git("cat-file", "tag", tag) + "\n"
	file := filepath.Join(p.TempDir(), "tag")
	if err := os.WriteFile(file, []byte(strings.Replace(text, "tag "+tag, "tag "+name, 1)), 0o644); err != nil {
		p.Fatal(err)
	}
	p.repo.Git("update-ref", "refs/tags/"+name, p.repo.Git("hash-object", "-t", "tag", "-w", file))
}
