package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"slipway.dev/slipway/internal/sandbox"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/golang"
	"slipway.dev/slipway/packagebuild/root"
)

// nativeArch is what clean roots run on; other targets are cross-built in them.
const nativeArch = "amd64"

// room is where a plan's steps run.
type room struct {
	description string
	layers      []string
	binds       []sandbox.Bind
	masks       []string
	env         map[string]string
	packages    []root.LockedPackage
	goVersion   string
}

// prepare makes the root that the plan needs, and hands Go to it.
func (b *Builder) prepare(ctx context.Context, req packagebuild.Request, plan packagebuild.Plan) (room, error) {
	r, err := b.root(ctx, req.Target, plan)
	if err != nil || !plan.Go {
		return r, err
	}
	trees := []string{req.Source.Tree()}
	if req.Source.Extra != nil {
		trees = append(trees, req.Source.Extra.Dir)
	}
	modules, err := golang.Find(trees...)
	if err != nil {
		return room{}, err
	}
	toolchain, err := golang.Prepare(ctx, b.Go, modules)
	if err != nil {
		return room{}, err
	}
	r.goVersion, r.env = toolchain.Version, toolchain.Env()
	r.binds = append(r.binds,
		sandbox.Bind{Source: toolchain.Root, Target: packagebuild.GoRoot, ReadOnly: true},
		sandbox.Bind{Source: toolchain.ModCache, Target: golang.ModCachePath, ReadOnly: true})
	return r, nil
}

func (b *Builder) root(ctx context.Context, target packagebuild.Target, plan packagebuild.Plan) (room, error) {
	if b.Roots == nil {
		return b.hostRoom(), nil
	}
	needs := root.Needs{Dependencies: plan.Dependencies, Native: plan.NativeDependencies}
	if target.Root.Suite != "" {
		// The target's own packages go on top of the suite's root, which all targets share.
		needs.Dependencies = slices.Concat(target.Root.Packages, plan.Dependencies)
		target.Root.Packages = nil
	}
	if target.Format == "deb" && target.Arch != nativeArch {
		needs.Cross = target.Arch
	}
	made, err := b.Roots.Root(ctx, target, needs)
	if err != nil {
		return room{}, fmt.Errorf("make the root: %w", err)
	}
	r := room{layers: made.Layers, packages: made.Packages, description: "Debian " + made.Suite}
	if made.Image != "" {
		r.description = "image " + made.Image
	}
	return r, nil
}

// secretPlaces are where credentials lie on a machine or in a pod.
var secretPlaces = []string{"/root", "/home", "/run", "/var/run/secrets", "/etc/ssh", "/etc/kubernetes", "/secrets"}

// secretVariables name files and folders, some of them several, with credentials.
var secretVariables = []string{
	"HOME", "XDG_CONFIG_HOME", "NETRC", "SSH_AUTH_SOCK", "GNUPGHOME", "DOCKER_CONFIG", "GH_CONFIG_DIR", "KUBECONFIG",
	"GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG",
	"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
}

// hostRoom is this machine's own root, less what code under build must not see.
func (b *Builder) hostRoom() room {
	masks := slices.Concat(secretPlaces, b.Secrets)
	for _, key := range secretVariables {
		for _, path := range filepath.SplitList(os.Getenv(key)) {
			if filepath.IsAbs(path) && filepath.Clean(path) != "/" {
				masks = append(masks, path)
			}
		}
	}
	return room{description: "this machine's own root", layers: []string{"/"}, masks: masks}
}
