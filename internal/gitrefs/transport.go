package gitrefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"os"
	"strings"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

const protocolV2 = "version=2"

// uploadPack is the program that serves a repository's refs on its standard
// streams: git here, or ssh to a git elsewhere.
func uploadPack(url string) (exec.Cmd, error) {
	env := git.Environment("GIT_PROTOCOL=" + protocolV2)
	if isLocal(url) {
		return exec.Cmd{Args: []string{"git", "upload-pack", localPath(url)}, Env: env}, nil
	}
	target, err := parseSSH(url)
	if err != nil {
		return exec.Cmd{}, err
	}
	return exec.Cmd{Args: target.command(os.Getenv("GIT_SSH_COMMAND")), Env: env}, nil
}

func localPath(raw string) string {
	if u, err := neturl.Parse(raw); err == nil && u.Scheme == "file" {
		return u.Path
	}
	return raw
}

// sshTarget is a repository behind ssh.
type sshTarget struct {
	login string // [user@]host
	port  string // or empty
	path  string
}

// parseSSH reads ssh://[user@]host[:port]/path and [user@]host:path.
func parseSSH(raw string) (sshTarget, error) {
	t := sshTarget{}
	if u, err := neturl.Parse(raw); err == nil && (u.Scheme == "ssh" || u.Scheme == "git+ssh") {
		t = sshTarget{login: u.Hostname(), port: u.Port(), path: u.Path}
		if user := u.User.Username(); user != "" {
			t.login = user + "@" + t.login
		}
		if strings.HasPrefix(t.path, "/~") {
			t.path = t.path[1:] // a home folder, for git at the other end to find
		}
	} else if !strings.Contains(raw, "://") && !strings.Contains(raw, "::") {
		t.login, t.path, _ = strings.Cut(raw, ":")
	}
	// A name that begins with a dash would be an option to ssh or to git.
	if t.login == "" || t.path == "" || t.login[0] == '-' || t.path[0] == '-' || strings.ContainsAny(t.login, "[]") {
		return t, fmt.Errorf("%s is no ssh URL that can be read here", git.Shown(raw))
	}
	return t, nil
}

// command is the argument list that runs git upload-pack over ssh. custom is the
// user's GIT_SSH_COMMAND: a piece of shell, or empty.
func (t sshTarget) command(custom string) []string {
	args := []string{"-o", "SendEnv=GIT_PROTOCOL"}
	if t.port != "" {
		args = append(args, "-p", t.port)
	}
	quoted := "'" + strings.ReplaceAll(t.path, "'", `'\''`) + "'"
	args = append(args, t.login, "git-upload-pack "+quoted)
	if custom != "" {
		return append([]string{"sh", "-c", custom + ` "$@"`, "ssh"}, args...)
	}
	return append([]string{"ssh", "-o", "BatchMode=yes"}, args...)
}

// lsRefsHTTP asks a smart HTTP server: a greeting first, which may redirect, then
// the request.
func lsRefsHTTP(ctx context.Context, base string, request []byte) ([]version.Ref, error) {
	const service = "git-upload-pack"
	greeting, err := roundTrip(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+"/info/refs?service="+service, nil)
	if err != nil {
		return nil, err
	}
	defer greeting.Body.Close()
	if err := readGreeting(greeting.Body); err != nil {
		return nil, err
	}
	at := *greeting.Request.URL
	at.Path, at.RawPath, at.RawQuery = strings.TrimSuffix(at.Path, "info/refs")+service, "", ""
	answer, err := roundTrip(ctx, http.MethodPost, at.String(), request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return readRefs(answer.Body)
}

// roundTrip makes one request. Any status but 200, a demand for a password among
// them, is an error: git, with its credential helpers, does better.
func roundTrip(ctx context.Context, method, url string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, unanswered(url, err)
	}
	req.Header.Set("Git-Protocol", protocolV2)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Accept", "application/x-git-upload-pack-result")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, unanswered(url, err)
	}
	if resp.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
		resp.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, git.Shown(url), resp.Status)
	}
	return resp, nil
}

// unanswered says what went wrong without the URL that net/http quotes.
func unanswered(url string, err error) error {
	if quoted, ok := errors.AsType[*neturl.Error](err); ok {
		err = quoted.Err
	}
	return fmt.Errorf("ask %s: %w", git.Shown(url), err)
}
