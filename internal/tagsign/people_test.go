package tagsign

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/gitrepo"
	"slipway.dev/slipway/internal/testkit/need"
)

// run runs a program in a folder, with more environment, and returns what it printed.
func run(t *testing.T, dir, stdin string, env []string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.Output(ctx, exec.Cmd{Args: args, Dir: dir, Stdin: strings.NewReader(stdin), Env: append(os.Environ(), env...)})
	return string(out), err
}

// gpg is a home of GnuPG's: a key ring with its agent.
type gpg struct {
	t   *testing.T
	dir string
}

func newGPG(t *testing.T) *gpg {
	t.Helper()
	need.Tool(t, "gpg", "gnupg")
	dir, err := os.MkdirTemp("", "gpg") // the agent's socket wants a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = run(t, dir, "", nil, "gpgconf", "--homedir", dir, "--kill", "all")
		_ = os.RemoveAll(dir)
	})
	return &gpg{t, dir}
}

func (g *gpg) env() []string { return []string{"GNUPGHOME=" + g.dir} }

func (g *gpg) run(stdin string, args ...string) string {
	g.t.Helper()
	out, err := run(g.t, g.dir, stdin, g.env(), append([]string{"gpg", "--quiet", "--no-tty", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

// newKey makes a key that signs; at is when, and both times are in gpg's words.
func (g *gpg) newKey(identity, algorithm, at, expire string) {
	g.t.Helper()
	g.run("", append(fakedTime(at), "--batch", "--quick-generate-key", identity, algorithm, "sign", expire)...)
}

// expire gives a key another end, by a signature made at a time.
func (g *gpg) expire(identity, at, end string) {
	g.t.Helper()
	g.run("", append(fakedTime(at), "--batch", "--quick-set-expire", g.fingerprint(identity), end)...)
}

func (g *gpg) fingerprint(identity string) string {
	g.t.Helper()
	for line := range strings.Lines(g.run("", "--with-colons", "--list-keys", "="+identity)) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	g.t.Fatalf("%s has no key", identity)
	return ""
}

func fakedTime(at string) []string {
	if at == "" {
		return nil
	}
	return []string{"--faked-system-time", at}
}

func (g *gpg) export(identities ...string) string {
	g.t.Helper()
	return g.run("", append([]string{"--armor", "--export"}, identities...)...)
}

// revoke makes a revocation of a key for a reason, by gpg's number of it, and takes it in.
func (g *gpg) revoke(identity, at, reason string) {
	g.t.Helper()
	text := g.run("y\n"+reason+"\n\ny\n", append(fakedTime(at), "--command-fd", "0", "--gen-revoke", identity)...)
	g.run(text, "--batch", "--import")
}

// program is gpg as git runs it, at a time of our choosing.
func (g *gpg) program(options string) string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "gpg")
	script := "#!/bin/sh\nexec gpg --homedir '" + g.dir + "' " + options + " \"$@\"\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// newSSHKey makes a key and returns the path of its private half, and its public half.
func newSSHKey(t *testing.T, args ...string) (private, public string) {
	t.Helper()
	need.Tool(t, "ssh-keygen", "openssh-client")
	private = filepath.Join(t.TempDir(), "key")
	if _, err := run(t, "", "", nil, append([]string{"ssh-keygen", "-q", "-N", "", "-C", "comment", "-f", private}, args...)...); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(private + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(data))
}

// signWithGPG signs a tag of the commit, with more options of gpg's, and returns its object.
func signWithGPG(t *testing.T, r *gitrepo.Repo, g *gpg, options, identity, message, name, commit string) []byte {
	t.Helper()
	r.Git("-c", "gpg.program="+g.program(options), "tag", "--force", "-u", identity, "-m", message, name, commit)
	return objectOf(t, r, name)
}

func signWithSSH(t *testing.T, r *gitrepo.Repo, private, name, commit string) []byte {
	t.Helper()
	r.Git("-c", "gpg.format=ssh", "tag", "--force", "-u", private, "-m", "Release", name, commit)
	return objectOf(t, r, name)
}

// objectOf fetches a tag's object.
func objectOf(t *testing.T, r *gitrepo.Repo, name string) []byte {
	t.Helper()
	object, hash, err := Fetch(t.Context(), r.URL, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := r.Git("rev-parse", "refs/tags/"+name); hash != want {
		t.Errorf("tag %s: got object %s, want %s", name, hash, want)
	}
	return object
}

// gitAccepts says what git verify-tag says of an object, with the keys of a ring.
func gitAccepts(t *testing.T, r *gitrepo.Repo, ring *gpg, allowedSigners string, object []byte) bool {
	t.Helper()
	hash, err := run(t, r.Dir, string(object), nil, "git", "hash-object", "-t", "tag", "-w", "--literally", "--stdin")
	if err != nil {
		t.Fatal(err)
	}
	_, err = run(t, r.Dir, "", append(ring.env(), "GIT_CONFIG_GLOBAL=/dev/null"), "git",
		"-c", "gpg.ssh.allowedSignersFile="+allowedSigners, "verify-tag", strings.TrimSpace(hash))
	return err == nil
}
