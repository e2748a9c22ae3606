package jobcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/progress"
	"slipway.dev/slipway/prow/local"
)

// engine is one way to run pods.
type engine struct {
	name   string
	remote bool // it takes images from their registries, and secrets from its own, not from this machine
	open   func(f engineFlags) (local.Engine, error)
	// fetch makes images that are not of the tree be where the engine finds them; nil
	// leaves that to the engine.
	fetch func(ctx context.Context, images []string, say func(string)) error
}

// engineFlags are what a person says of an engine.
type engineFlags struct{ name, kubeconfig, context, namespace string }

func (f *engineFlags) addFlags(flags *pflag.FlagSet, engines []engine) {
	flags.StringVar(&f.name, "engine", engines[0].name, "what runs the pod: "+names(engines))
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", "cluster of --engine kubernetes (default: $KUBECONFIG, ~/.kube/config)")
	flags.StringVar(&f.context, "context", "", "context of the kubeconfig (default: its current one)")
	flags.StringVar(&f.namespace, "namespace", "", "namespace for the pod (default: the context's)")
}

func names(engines []engine) string {
	var all []string
	for _, e := range engines {
		all = append(all, e.name)
	}
	return strings.Join(all, ", ")
}

func (f *engineFlags) choose(engines []engine) (engine, error) {
	for _, e := range engines {
		if e.name == f.name {
			return e, nil
		}
	}
	return engine{}, cli.Misuse("--engine %s is not known; it must be one of %s", f.name, names(engines))
}

// engines are those of this program.
func engines() []engine {
	return []engine{
		{
			name: "podman", fetch: fetch,
			open: func(engineFlags) (local.Engine, error) {
				p, err := podman.New(cache())
				if err != nil {
					return nil, err
				}
				return local.NewPodman(p, local.PodmanConfig{}), nil
			},
		},
		{
			name: "kind", fetch: fetch,
			open: func(engineFlags) (local.Engine, error) {
				p, err := podman.New(cache())
				if err != nil {
					return nil, err
				}
				return local.NewKind(p), nil
			},
		},
		{
			name: "kubernetes", remote: true,
			open: func(f engineFlags) (local.Engine, error) {
				return local.NewKubernetes(local.KubernetesConfig{Kubeconfig: f.kubeconfig, Context: f.context, Namespace: f.namespace}), nil
			},
		},
	}
}

// cache is where podman's configuration lies.
func cache() string {
	folder, err := os.UserCacheDir()
	if err != nil {
		folder = os.TempDir()
	}
	return filepath.Join(folder, "slipway")
}

// pullTimeout bounds the pull of one image.
const pullTimeout = 30 * time.Minute

// fetch pulls the images that podman does not have.
func fetch(ctx context.Context, images []string, say func(string)) error {
	p, err := podman.New(cache())
	if err != nil {
		return err
	}
	var missing []error
	for _, image := range images {
		if err := fetchOne(ctx, p, image, say); err != nil {
			missing = append(missing, err)
		}
	}
	return errors.Join(missing...)
}

func fetchOne(ctx context.Context, p *podman.Podman, image string, say func(string)) error {
	_, err := p.Output(ctx, "image", "exists", image)
	if err == nil || exec.ExitCode(err) != 1 {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("not done within %v", pullTimeout))
	defer cancel()
	say("pull " + image)
	defer progress.Watch(10*time.Second, "pull "+image, say)()
	if _, err := p.Output(ctx, "pull", "--quiet", image); err != nil {
		return fmt.Errorf("image %s is neither of this tree, nor in podman's storage, nor can it be pulled; correct the name, or log in to its registry with podman login: %w", image, err)
	}
	return nil
}
