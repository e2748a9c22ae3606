package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/config"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/root"
)

// install installs the Debian 12 package of folder in a clean root that nobody
// builds in, and runs its program there.
func install(ctx context.Context, env cli.Env, folder, version string) error {
	targets, err := packagebuild.ParseTargets("targets.yaml", config.Targets)
	if err != nil {
		return err
	}
	picked, err := targets.Select([]string{"deb12"})
	if err != nil {
		return err
	}
	manager := &root.Manager{Log: logrus.NewEntry(env.Log())}
	defer func() { _ = manager.Close() }()
	clean, err := manager.Root(ctx, picked[0], root.Needs{})
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(manager.Cache, "demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	changes := filepath.Join(scratch, "changes")
	if err := os.Mkdir(changes, 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"dpkg", "--install", fmt.Sprintf("/packages/hello-guest_%s-g1+deb12_amd64.deb", version)},
		{"/usr/sbin/hello-guestd", "--version"},
		{"/usr/sbin/hello-guestd", "--once"},
	} {
		err := sandbox.Run(ctx, sandbox.Config{
			Lower: clean.Layers, Upper: changes, Work: scratch, Profile: sandbox.Install, Hostname: "guest",
			Binds: []sandbox.Bind{{Source: folder, Target: "/packages", ReadOnly: true}},
			Args:  args, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LANG=C.UTF-8"},
			Stdout: env.Stdout, Stderr: env.Stderr,
		})
		if err != nil {
			return fmt.Errorf("the package does not work: %w", err)
		}
	}
	return nil
}
