// Package registry runs Debian's docker-registry for a demonstration.
//
// It listens at a socket alone; a door in front of it on loopback lets in users who know
// their password, so that what is shown logs in as anybody would.
package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// registryConfig is of a registry that only this process reaches, and that deletes
// what it is told to.
const registryConfig = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
http: {net: unix, addr: %q}
`

const startDeadline = 30 * time.Second

// Start runs Debian's docker-registry in a folder, and a door in front of it
// on loopback. It is gone when stop returns, and when this process is.
func Start(ctx context.Context, folder string, users map[string]string) (host string, stop func() error, err error) {
	socket, file := filepath.Join(folder, "socket"), filepath.Join(folder, "config.yml")
	text := fmt.Sprintf(registryConfig, filepath.Join(folder, "data"), socket)
	if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start a registry: %w", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // so that it outlives what is called off
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- exec.Run(ctx, exec.Cmd{Args: []string{"docker-registry", "serve", file}, Env: unconfigured()})
	}()
	inside := toSocket(socket)
	server := &http.Server{Handler: door{users, inside}, ReadHeaderTimeout: startDeadline}
	go func() { _ = server.Serve(listener) }()
	stop = func() error {
		err := server.Close()
		cancel()
		for range ended { // until it is gone
		}
		return err
	}
	if err := answering(inside.Transport, ended); err != nil {
		return "", nil, errors.Join(fmt.Errorf("start docker-registry: %w", err), stop())
	}
	return listener.Addr().String(), stop, nil
}

// unconfigured is the environment without what docker-registry takes for settings of
// its own, such as the file with which its clients log in.
func unconfigured() []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "REGISTRY_") })
}

// toSocket passes requests on, and lets the registry see by which name it was called.
func toSocket(socket string) *httputil.ReverseProxy {
	target := &url.URL{Scheme: "http", Host: "registry"}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
		},
	}
}

// answering waits until the registry answers. What it says in ended stays there.
func answering(transport http.RoundTripper, ended chan error) error {
	client := http.Client{Transport: transport, Timeout: time.Second}
	for deadline := time.Now().Add(startDeadline); ; time.Sleep(10 * time.Millisecond) {
		response, err := client.Get("http://registry/v2/")
		if err == nil {
			return response.Body.Close()
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("it ended at once: %w", err)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it does not answer after %v: %w", startDeadline, err)
		}
	}
}

// Janitor is the only user who may delete.
const Janitor = "janitor"

// door lets users in who know their password, and lets only the janitor delete.
// docker-registry alone would let everybody delete who may push.
type door struct {
	passwords map[string]string // by user
	inside    http.Handler
}

func (d door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	want, known := d.passwords[user]
	switch {
	case !known || password != want:
		w.Header().Set("WWW-Authenticate", `Basic realm="demo"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "log in first")
	case r.Method == http.MethodDelete && user != Janitor:
		refuse(w, http.StatusForbidden, "DENIED", user+" may not delete")
	default:
		d.inside.ServeHTTP(w, r)
	}
}

// refuse answers in the form that registries use.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// Login writes what `podman login` would into a folder, for one user.
func Login(folder, user, password, host string) error {
	type auth struct {
		Auth string `json:"auth"`
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	data, err := json.Marshal(map[string]any{"auths": map[string]auth{host: {encoded}}})
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(filepath.Join(folder, "config.json"), data, 0o600))
}
