package podman

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// Container is a container of a pod as podman knows it. It is named after its pod:
// POD-CONTAINER.
type Container struct {
	ID         string
	Name       string
	Image      string // its ID
	State      State
	HostConfig struct {
		LogConfig struct{ Path string }
	}
}

// State is what became of a container.
type State struct {
	Status     string // created, running, exited, ...
	Pid        int    // while it runs
	ExitCode   int
	OOMKilled  bool
	StartedAt  time.Time // zero if it never ran
	FinishedAt time.Time
}

// Log is the file that the container's log is written to.
func (c Container) Log() string { return c.HostConfig.LogConfig.Path }

// Exited says whether the container ran and ended.
func (c Container) Exited() bool { return c.State.Status == "exited" || c.State.Status == "stopped" }

// Running says whether the container has a process.
func (c Container) Running() bool { return c.State.Pid != 0 && !c.Exited() }

// PlayGrace is how long podman may take to leave what it is at when Play is called off.
const PlayGrace = 30 * time.Second

// noise are lines that the programs under podman say of no consequence here.
const noise = "failed to connect to syslog"

// Play starts the pod of a manifest, and returns when its init containers are done
// and its containers have started. The pod stays, whatever Play returns.
func (p *Podman) Play(ctx context.Context, manifest []byte) error {
	var stdout, stderr bytes.Buffer
	command := p.command(&stdout, []string{"kube", "play", "--quiet", "--log-driver", "k8s-file",
		"--log-opt", "max-size=1tb", // whatever containers.conf says: a log that is followed must not be cut
		"-"})
	command.Stderr, command.Stdin = &stderr, bytes.NewReader(manifest)
	command.Dir = "/" // a folder named like an image would be built
	command.Grace = PlayGrace
	err := exec.Run(ctx, command)
	var failed *exec.Error
	if errors.As(err, &failed) && failed.Stderr == "" {
		failed.Stderr = said(stderr.String())
	}
	return err
}

// said is what podman wrote to standard error, in one line and without noise.
func said(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, noise) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "; ")
}

// Containers inspects the containers with these names. Those that do not exist are
// left out.
func (p *Podman) Containers(ctx context.Context, names ...string) ([]Container, error) {
	var stdout, stderr bytes.Buffer
	command := p.command(&stdout, append([]string{"container", "inspect"}, names...))
	command.Stderr = &stderr
	err := exec.Run(ctx, command)
	var containers []Container
	if json.Unmarshal(stdout.Bytes(), &containers) != nil {
		return nil, fmt.Errorf("inspect containers: %w: %s", err, said(stderr.String()))
	}
	return containers, nil
}

// Signal sends a signal to containers. One that has ended meanwhile needs none.
func (p *Podman) Signal(ctx context.Context, signal string, names ...string) error {
	_, err := p.Output(ctx, append([]string{"kill", "--signal", signal}, names...)...)
	if err != nil && strings.Contains(err.Error(), "can only kill running containers") {
		return nil
	}
	return err
}

// RemovePod kills and removes a pod with its containers. One that does not exist is
// what was wanted.
//
// podman itself stops a pod whose last container has just ended. A removal at that
// moment waits three seconds for a lock, and a stop does not, so the stop comes first.
func (p *Podman) RemovePod(ctx context.Context, name string) error {
	_, _ = p.Output(ctx, "pod", "stop", "--ignore", "--time", "0", name) // what is left of it, the removal tells
	_, err := p.Output(ctx, "pod", "rm", "--force", "--ignore", "--time", "0", name)
	if err != nil { // podman's own clean-up may have come between
		_, err = p.Output(ctx, "pod", "rm", "--force", "--ignore", "--time", "0", name)
	}
	if err != nil {
		return fmt.Errorf("remove pod %s: %w", name, err)
	}
	return nil
}

// ContainerLogs are the log files of the containers that the storage holds, by name.
// They are read from the storage's own index, since podman itself tells of no
// container while it starts a pod. A client of another machine's podman sees none.
func (p *Podman) ContainerLogs(ctx context.Context) (map[string]string, error) {
	index, err := p.imageIndex(ctx)
	if err != nil || index == "" {
		return nil, err
	}
	folder := strings.Replace(filepath.Dir(index), "-images", "-containers", 1)
	data, err := os.ReadFile(filepath.Join(folder, "containers.json"))
	if err != nil {
		return nil, nil // a storage that never held a container
	}
	var containers []struct {
		ID    string
		Names []string
	}
	if err := json.Unmarshal(data, &containers); err != nil {
		return nil, fmt.Errorf("read the storage's containers: %w", err)
	}
	logs := map[string]string{}
	for _, c := range containers {
		for _, name := range c.Names {
			logs[name] = filepath.Join(folder, c.ID, "userdata", "ctr.log")
		}
	}
	return logs, nil
}
