package gitrefs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/version"
)

// List returns the refs whose names begin with one of prefixes; all, if there are
// none. Annotated tags are peeled.
func (r *Remote) List(ctx context.Context, prefixes []string) ([]version.Ref, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	refs, err := r.lsRefs(ctx, prefixes)
	if err != nil {
		if ctx.Err() == nil {
			refs, err = r.lsRemote(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("list refs of %s: %w", git.Shown(r.url), err)
		}
	}
	return slices.DeleteFunc(refs, func(ref version.Ref) bool { return !hasPrefix(ref.Name, prefixes) }), nil
}

// hasPrefix also filters what a server sends that takes the prefixes for a hint.
func hasPrefix(name string, prefixes []string) bool {
	return len(prefixes) == 0 ||
		slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// lsRefs asks in protocol version 2.
func (r *Remote) lsRefs(ctx context.Context, prefixes []string) ([]version.Ref, error) {
	url, err := r.expandedURL(ctx)
	if err != nil {
		return nil, err
	}
	request := lsRefsRequest(prefixes)
	if strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://") {
		return lsRefsHTTP(ctx, url, request)
	}
	cmd, err := uploadPack(url)
	if err != nil {
		return nil, err
	}
	cmd.Stdin = bytes.NewReader(request)
	out, err := exec.Output(ctx, cmd)
	if err != nil {
		return nil, err
	}
	answer := bytes.NewReader(out)
	if err := readGreeting(answer); err != nil {
		return nil, err
	}
	return readRefs(answer)
}

// expandedURL is the URL after the user's url.*.insteadOf, which git itself applies
// to everything but our own requests.
func (r *Remote) expandedURL(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.expanded != "" {
		return r.expanded, nil
	}
	url, err := run(ctx, r.gitDir, "", "ls-remote", "--get-url", "--", r.url)
	if err != nil {
		return "", err
	}
	r.expanded = url
	return url, nil
}

// lsRemote lets git list everything, whatever the transport.
func (r *Remote) lsRemote(ctx context.Context) ([]version.Ref, error) {
	out, err := run(ctx, r.gitDir, "", "ls-remote", "--quiet", "--", r.url)
	if err != nil {
		return nil, err
	}
	var refs []version.Ref
	for line := range strings.Lines(out) {
		object, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			return nil, fmt.Errorf("git ls-remote printed %q", line)
		}
		if tag, peeled := strings.CutSuffix(name, "^{}"); peeled && len(refs) > 0 && refs[len(refs)-1].Name == tag {
			refs[len(refs)-1].Peeled = object
			continue
		}
		refs = append(refs, version.Ref{Name: name, Object: object, Peeled: object})
	}
	return refs, nil
}
