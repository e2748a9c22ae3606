package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
)

// storage is the configuration that makes podman keep its images in the folder: nothing
// of the user's is there, and all goes with the folder. It also tells a folder of this
// demo from others.
const storage = "podman/storage.conf"

// folder is where everything of a demo is.
type folder struct {
	path   string
	podman *podman.Podman
}

// newFolder makes a folder anew. One that holds anything else than an earlier demo is
// left alone.
func newFolder(ctx context.Context, path string) (f folder, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return f, err
	}
	if f.podman, err = podman.New(filepath.Join(cache, "slipway")); err != nil {
		return f, err
	}
	if f.path, err = filepath.Abs(path); err != nil {
		return f, err
	}
	if err := f.remove(ctx); err != nil {
		return f, err
	}
	text := fmt.Sprintf("[storage]\ndriver=\"vfs\"\ngraphroot=%q\nrunroot=%q\n",
		filepath.Join(f.path, "podman", "images"), filepath.Join(f.path, "podman", "run"))
	return f, write(filepath.Join(f.path, storage), text)
}

// removal is how long the end of containers that a dead demo left may take.
const removal = time.Minute

// remove removes the folder, and first what a podman that was killed left mounted.
func (f folder) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	switch entries, err := os.ReadDir(f.path); {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return err
	}
	if _, err := os.Stat(filepath.Join(f.path, storage)); err != nil {
		return fmt.Errorf("%s is not empty, and no earlier demo made it; name another folder with --output", f.path)
	}
	err := exec.Run(ctx, exec.Cmd{Args: []string{"podman", "rm", "--all", "--force", "--time", "0"}, Env: f.environment()})
	return errors.Join(err, os.RemoveAll(f.path))
}

// enter makes it the working folder, so that the commands which are shown are short and
// true, and lets slipway, which runs in this process, log in as ci.
func (f folder) enter() error {
	return errors.Join(os.Chdir(f.path), os.Setenv("DOCKER_CONFIG", filepath.Join(f.path, loginOf("ci"))))
}

// environment is that of other people's programs.
func (f folder) environment() []string {
	return append(f.podman.Environment(),
		"CONTAINERS_STORAGE_CONF="+filepath.Join(f.path, storage),
		"DOCKER_CONFIG="+filepath.Join(f.path, loginOf("ci")),
		"REGISTRY_AUTH_FILE="+filepath.Join(f.path, loginOf("ci"), "config.json"),
		"HOME="+f.path, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", // nobody's settings change what is shown
	)
}

// loginOf is the folder with a user's login, as docker and podman keep it.
func loginOf(user string) string { return "login-" + user }

// write writes a small file and the folder that it is in.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}
