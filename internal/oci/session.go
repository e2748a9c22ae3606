package oci

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// session speaks to one repository with the rights that it asked for once.
type session struct {
	repository name.Repository
	base       string // URL of the repository, with a / at its end
	client     *http.Client

	lacksReferrers atomic.Bool // the registry said that it has no referrers API
}

// access is what a session may do.
type access struct {
	repository string
	rights     string // one of transport's scopes
	mounts     string // repository of the same registry to mount blobs from; empty is none
}

func toPull(repository string) access {
	return access{repository: repository, rights: transport.PullScope}
}
func toPush(repository string) access {
	return access{repository: repository, rights: transport.PushScope}
}

// host is the registry's.
func (a access) host() string { return hostOf(a.repository) }

func hostOf(repository string) string {
	host, _, _ := strings.Cut(repository, "/")
	return host
}

func (a access) scopes(repository name.Repository) ([]string, error) {
	scopes := []string{repository.Scope(a.rights)}
	if a.mounts == "" {
		return scopes, nil
	}
	other, err := name.NewRepository(a.mounts, name.StrictValidation)
	return append(scopes, other.Scope(transport.PullScope)), err
}

// session returns a repository's session, which lives as long as the client.
func (c *Client) session(ctx context.Context, a access) (*session, error) {
	repository, err := name.NewRepository(a.repository, name.StrictValidation)
	if err != nil {
		return nil, fmt.Errorf("%w; a repository looks like HOST/PROJECT/NAME", err)
	}
	scopes, err := a.scopes(repository)
	if err != nil {
		return nil, err
	}
	challenge, err := c.ping(ctx, repository.Registry)
	if err != nil {
		return nil, err
	}
	key := repository.Name()
	if isBearer(challenge) {
		key += " " + strings.Join(scopes, " ")
	}
	return remembered(c, c.sessions, key).get(ctx, func(ctx context.Context) (*session, error) {
		return c.login(ctx, repository, challenge, scopes)
	})
}

// ping asks a registry, once, whether it speaks http or https and how to log in.
func (c *Client) ping(ctx context.Context, registry name.Registry) (*transport.Challenge, error) {
	return remembered(c, c.pings, registry.RegistryStr()).get(ctx, func(ctx context.Context) (*transport.Challenge, error) {
		return transport.Ping(ctx, registry, c.wire)
	})
}

func isBearer(challenge *transport.Challenge) bool {
	return strings.EqualFold(challenge.Scheme, "bearer")
}

func (c *Client) login(ctx context.Context, repository name.Repository, challenge *transport.Challenge, scopes []string) (*session, error) {
	auth, err := authn.Resolve(ctx, c.config.Keychain, repository)
	if err != nil {
		return nil, fmt.Errorf("find the credentials of %s: %w", repository, err)
	}
	known := pinged{inner: c.wire, challenge: challenge}
	wire, err := transport.NewWithContext(ctx, repository.Registry, auth, known, scopes)
	if err != nil {
		return nil, err
	}
	return &session{
		repository: repository,
		base:       fmt.Sprintf("%s://%s/v2/%s/", known.scheme(), repository.RegistryStr(), repository.RepositoryStr()),
		client:     &http.Client{Transport: wire, CheckRedirect: checkRedirect},
	}, nil
}

// pinged answers a ping as the registry answered it before.
type pinged struct {
	inner     http.RoundTripper
	challenge *transport.Challenge
}

func (p pinged) scheme() string {
	if p.challenge.Insecure {
		return "http"
	}
	return "https"
}

func (p pinged) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet || request.URL.Path != "/v2/" {
		return p.inner.RoundTrip(request)
	}
	if request.URL.Scheme != p.scheme() {
		return nil, fmt.Errorf("%s speaks %s", request.URL.Host, p.scheme())
	}
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: request}
	if p.challenge.Scheme != "" {
		var parameters []string
		for key, value := range p.challenge.Parameters {
			parameters = append(parameters, fmt.Sprintf("%s=%q", key, value))
		}
		answer.StatusCode = http.StatusUnauthorized
		answer.Header.Set("WWW-Authenticate", p.challenge.Scheme+" "+strings.Join(parameters, ","))
	}
	return answer, nil
}

// lazy is a value that is made once. If making it fails, the next who asks tries again.
type lazy[T any] struct {
	turn  chan struct{}
	value T
	made  bool
}

// remembered returns the lazy value of a key, which is the same for all who ask.
func remembered[T any](c *Client, known map[string]*lazy[T], key string) *lazy[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known[key] == nil {
		known[key] = &lazy[T]{turn: make(chan struct{}, 1)}
	}
	return known[key]
}

func (l *lazy[T]) get(ctx context.Context, create func(context.Context) (T, error)) (value T, err error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return value, ctx.Err()
	}
	if !l.made {
		if l.value, err = create(ctx); err != nil {
			return value, err
		}
		l.made = true
	}
	return l.value, nil
}
