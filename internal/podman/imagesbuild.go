package podman

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"slipway.dev/slipway/internal/exec"
)

// Build is an image to be built.
type Build struct {
	Context    string   // folder
	Dockerfile string   // file
	Stage      string   // the stage that is built, with what it needs; empty is the last one
	Name       string   // reference that the image gets when it is complete; empty is none
	Arch       string   // Go's name
	Args       []string // KEY=VALUE
	Scratch    string   // folder of this build alone, whose base name is used by no other; see Clean
	Log        io.Writer
}

// What podman build leaves in the scratch folder.
const (
	BuildLog = "log" // all that podman build printed

	buildImageID   = "id"
	buildTemporary = "tmp"
)

// cleaning is how long the removal of a build's leftovers may take.
const cleaning = time.Minute

// Build builds an image and returns its ID. The name is set when the image is
// complete. A build that failed or was called off leaves nothing in the storage.
func (p *Podman) Build(ctx context.Context, b Build) (id string, err error) {
	if err := os.MkdirAll(filepath.Join(b.Scratch, buildTemporary), 0o700); err != nil {
		return "", fmt.Errorf("build %s: %w", b.Name, err)
	}
	if err := p.runBuild(ctx, b); err != nil {
		calm, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer cancel()
		return "", errors.Join(explainFull(err, p.root()), p.Clean(calm, b.Scratch))
	}
	data, err := os.ReadFile(filepath.Join(b.Scratch, buildImageID))
	if err != nil {
		return "", fmt.Errorf("build %s: %w", b.Name, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(data)), "sha256:"), nil
}

// runBuild runs podman build with a pipe of ours for its log: a RUN that outlives
// a killed podman holds the pipe open, and must not hold us.
func (p *Podman) runBuild(ctx context.Context, b Build) error {
	log, err := os.Create(filepath.Join(b.Scratch, BuildLog))
	if err != nil {
		return fmt.Errorf("build %s: %w", b.Name, err)
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("build %s: %w", b.Name, err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.MultiWriter(log, b.Log), r)
	}()
	command := p.command(w, buildArgs(b))
	command.Env = append(command.Env, "TMPDIR="+filepath.Join(b.Scratch, buildTemporary))
	err = exec.Run(ctx, command)
	w.Close()
	select {
	case <-read:
	case <-ctx.Done():
	}
	r.Close()
	<-read
	if err == nil {
		return nil
	}
	return buildError(b, err)
}

// buildArgs make the image depend on the context alone: no time, no label of the
// builder, no cache, no network, no pull. The secret is never there to be used: it
// marks the build's working containers, so that Clean finds those and no others.
func buildArgs(b Build) []string {
	args := []string{
		"build", "--layers=false", "--timestamp", b.timestamp(), "--identity-label=false", "--network", "none", "--pull=never",
		"--secret", "id=" + buildMark(b.Scratch) + ",src=/dev/null", "--iidfile", filepath.Join(b.Scratch, buildImageID),
		"--platform", "linux/" + b.Arch, "--file", b.Dockerfile,
	}
	if b.Name != "" {
		args = append(args, "--tag", b.Name)
	}
	if b.Stage != "" {
		args = append(args, "--target", b.Stage)
	}
	for _, arg := range b.Args {
		args = append(args, "--build-arg", arg)
	}
	return append(args, b.Context)
}

// timestamp is 0, but of a single stage one of its own: podman removes what such a build
// made on its way, by image ID, and one of these could be the image itself with its tag,
// or what another build of the stage stands on.
func (b Build) timestamp() string {
	if b.Stage == "" {
		return "0"
	}
	return strconv.Itoa(1 + int(crc32.ChecksumIEEE([]byte(b.Scratch))%1e9))
}

func buildMark(scratch string) string { return "slipway-" + filepath.Base(scratch) }

// logTail is how much of a failed build's log its error holds.
const logTail = 2 << 10

// buildError says how a build failed with the end of its log.
func buildError(b Build, err error) error {
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err // the command line is of no use to whoever wrote the Dockerfile
	}
	data, readErr := os.ReadFile(filepath.Join(b.Scratch, BuildLog))
	if readErr != nil || len(data) == 0 {
		return fmt.Errorf("podman build: %w", err)
	}
	if over := len(data) - logTail; over > 0 {
		data = data[over:]
		if _, whole, ok := strings.Cut(string(data), "\n"); ok {
			data = []byte("...\n" + whole)
		}
	}
	return fmt.Errorf("podman build: %w; the end of its log:\n%s", err, strings.TrimRight(string(data), "\n"))
}
