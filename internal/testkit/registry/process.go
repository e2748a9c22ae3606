package registry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/store/storetest/server"
)

// distribution is the program of the kind Distribution.
var distribution = server.Program{Package: "github.com/distribution/distribution/v3/cmd/registry", Version: "v3.1.2"}

const (
	buildDeadline = 15 * time.Minute
	startDeadline = 30 * time.Second
)

// config is what both versions of distribution understand. They are told nothing of
// a proxy before them: they name themselves as the request's Host does.
const config = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: %q}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
http: {addr: %q}
`

// install returns the path of distribution's program, and builds it first if this
// user never did.
func install(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildDeadline)
	defer cancel()
	begin := time.Now()
	file, err := distribution.Install(ctx)
	switch {
	case err == nil:
		if took := time.Since(begin); took > time.Second {
			t.Logf("built %s %s in %.0f s", distribution.Package, distribution.Version, took.Seconds())
		}
		return file
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skipf("%v: run go test ./internal/testkit/registry where the Go module proxy can be reached", err)
	}
	return ""
}

// run starts a program of the distribution family and returns the address at which
// it answers. Its port is free when it is chosen; should another program take it
// before the registry does, another is chosen.
func run(t testing.TB, program, file string) (host string) {
	t.Helper()
	var err error
	for range 3 {
		if host, err = tryRun(t, program, file); err == nil {
			return host
		}
	}
	t.Fatalf("start %s: %v", program, err)
	return ""
}

func tryRun(t testing.TB, program, file string) (host string, err error) {
	dir := t.TempDir()
	host, err = freeAddress()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(path, fmt.Appendf(nil, config, filepath.Join(dir, "data"), host), 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- exec.Run(ctx, exec.Cmd{
			Args: []string{program, "serve", path}, Path: file, Dir: dir,
			Env: append(os.Environ(), "OTEL_TRACES_EXPORTER=none"),
		})
	}()
	t.Cleanup(func() {
		cancel()
		for range ended { // until it is gone
		}
	})
	return host, answering(ended, host)
}

// answering waits until a registry answers at host.
func answering(ended <-chan error, host string) error {
	deadline := time.After(startDeadline)
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	for {
		response, err := client.Get("http://" + host + "/v2/")
		if err == nil {
			return response.Body.Close()
		}
		select {
		case err := <-ended:
			return fmt.Errorf("it ended at once: %w", err)
		case <-deadline:
			return fmt.Errorf("it does not answer at %s after %v: %w", host, startDeadline, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}
