package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// process is a running component.
type process struct {
	name string
	stop func() // returns when it is gone
	err  error  // how it ended, once ended is closed
	done chan struct{}
}

const grace = 5 * time.Second

// run starts a component; its log goes to a file. That it ended is seen by await.
func (c *Cluster) run(component component) {
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{name: component.name, done: make(chan struct{})}
	p.stop = func() { cancel(); <-p.done }
	c.processes = append(c.processes, p)
	go func() {
		defer close(p.done)
		p.err = c.execute(ctx, component)
	}()
}

func (c *Cluster) execute(ctx context.Context, component component) error {
	log, err := os.Create(c.in("logs", component.name))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Cmd{Args: append([]string{component.path}, component.args...), Stdout: log, Stderr: log, Grace: grace}
	if component.path == "" {
		command.Path, command.Args = c.program, append([]string{"kubernetes", component.name}, component.args...)
	}
	return exec.Run(ctx, command)
}

// await asks the API server until it gives the wanted answer.
func (c *Cluster) await(ctx context.Context, path string, wanted func([]byte) bool) error {
	client := insecure()
	defer client.CloseIdleConnections()
	for {
		body, err := c.get(ctx, client, path)
		if err == nil && wanted(body) {
			return nil
		}
		if ended := c.ended(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %.500s", path, errors.Join(context.Cause(ctx), err), body)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func insecure() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is ours, on loopback
}

func (c *Cluster) get(ctx context.Context, client *http.Client, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+local(c.ports.api)+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", response.Status)
	}
	return body, err
}

// ended is the first component that ended, although none should.
func (c *Cluster) ended() error {
	for _, p := range c.processes {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %w", p.name, p.err)
		default:
		}
	}
	return nil
}

// isReady says whether a node takes pods.
func isReady(node []byte) bool {
	var parsed struct {
		Spec   struct{ Taints []any }
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if json.Unmarshal(node, &parsed) != nil || len(parsed.Spec.Taints) > 0 {
		return false
	}
	for _, condition := range parsed.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

// logs are the last lines of each component, for whom a test failed.
func (c *Cluster) logs() string {
	var all strings.Builder
	files, _ := filepath.Glob(c.in("logs", "*"))
	for _, file := range files {
		content, _ := os.ReadFile(file)
		lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
		fmt.Fprintf(&all, "--- %s\n%s\n", filepath.Base(file), bytes.Join(lines[max(0, len(lines)-15):], []byte("\n")))
	}
	return all.String()
}
