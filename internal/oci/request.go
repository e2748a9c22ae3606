package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// mostBytes is the size of the largest answer that is read into memory.
const mostBytes = 64 << 20

// request is one to a session's repository.
type request struct {
	method string
	path   string // below the repository, or a whole URL that the registry gave
	header http.Header
	body   io.Reader
	size   int64 // of a body that streams
}

// send returns the answer if its status is among ok, or else the error that it tells.
func (s *session) send(ctx context.Context, r request, ok ...int) (*http.Response, error) {
	address, err := s.address(r.path)
	if err != nil {
		return nil, err
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, address, r.body)
	if err != nil {
		return nil, err
	}
	if r.size > 0 {
		sent.ContentLength = r.size
	}
	for key, values := range r.header {
		sent.Header[key] = values
	}
	response, err := s.client.Do(sent)
	if err != nil {
		return nil, shorten(err)
	}
	if err := transport.CheckError(response, ok...); err != nil {
		_ = response.Body.Close()
		if p, again := inPassing(response, nil); again && !isReplayable(sent) {
			return nil, passing{err: err, after: p.after}
		}
		return nil, err
	}
	return response, nil
}

// shorten leaves the URL out, which may hold an upload's secrets; who reports the
// error says what was being done.
func shorten(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// status is the status by which a registry refused, or 0.
func status(err error) int {
	var answer *transport.Error
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

// read reads an answer to its end. That it ends too early may pass.
func read(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	bytes, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	if err != nil {
		if p, again := inPassing(nil, err); again {
			return nil, p
		}
		return nil, err
	}
	if len(bytes) > mostBytes {
		return nil, fmt.Errorf("the answer is longer than %d MiB", mostBytes>>20)
	}
	return bytes, nil
}

// address gives the URL of a path below the repository. A URL that the registry gave
// may lead to another host, and may forget that we reached the registry by https.
func (s *session) address(path string) (string, error) {
	base, err := url.Parse(s.base)
	if err != nil {
		return "", err
	}
	address, err := base.Parse(path)
	if err != nil {
		return "", err
	}
	if address.Host == base.Host {
		address.Scheme = base.Scheme
	}
	return address.String(), checkHost(base, address)
}

func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) >= 10 {
		return errors.New("the registry redirects in circles")
	}
	return checkHost(before[0].URL, next.URL)
}

// checkHost refuses a way from a registry to another machine's address inside of our
// own network: a registry may not use us to reach what it cannot.
func checkHost(from, to *url.URL) error {
	if from.Scheme == "https" && to.Scheme != "https" {
		return fmt.Errorf("the registry sends us from https to %s", to.Scheme)
	}
	if from.Hostname() == to.Hostname() {
		return nil
	}
	address, err := netip.ParseAddr(to.Hostname())
	if err != nil {
		return nil
	}
	address = address.Unmap()
	if address.IsLoopback() || address.IsPrivate() || address.IsLinkLocalUnicast() || address.IsUnspecified() {
		return fmt.Errorf("the registry sends us to %s, an address inside of our own network", to.Host)
	}
	return nil
}
