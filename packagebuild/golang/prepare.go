package golang

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"slipway.dev/slipway/packagebuild"
)

// Config says where fetched things are kept and how they are fetched.
type Config struct {
	Cache   string             // folder that is kept from build to build; empty is slipway/go in the user's cache
	Env     []string           // the caller's environment, of which only fetchEnv is used; nil is this process's
	Log     logrus.FieldLogger // progress; nil is none
	Timeout time.Duration      // for everything together; 0 is 15 minutes
}

// Toolchain is a Go and a module cache on this machine, to be bound into a root.
type Toolchain struct {
	Root     string // GOROOT; goes to packagebuild.GoRoot
	ModCache string // GOMODCACHE; goes to ModCachePath, and may be read-only there
	Version  string // go1.26.1
}

// ModCachePath is where a root sees the module cache.
const ModCachePath = packagebuild.GoPath + "/pkg/mod"

// Env is what a build inside a root needs in its environment to use t there.
// PATH is whole: Go's folders, and then those of a Debian root.
//
// GOPROXY and GOSUMDB are off so that a module that is missing fails at once
// and by name; a rules file that sets them again only gets a slower error.
func (t Toolchain) Env() map[string]string {
	return map[string]string{
		"GO":          packagebuild.GoRoot + "/bin/go",
		"GOPATH":      packagebuild.GoPath,
		"GOMODCACHE":  ModCachePath,
		"GOCACHE":     "/tmp/.cache",
		"GOPROXY":     "off",
		"GOSUMDB":     "off",
		"GOTOOLCHAIN": "local",
		// Packages carry the commit themselves; whether the build sees a .git must not change a byte.
		"GOFLAGS": "-buildvcs=false",
		"PATH": packagebuild.GoRoot + "/bin:" + packagebuild.GoPath + "/bin:" +
			"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
}

// Prepare picks or fetches a toolchain that satisfies every module, and fetches
// what the modules require. The modules' folders are only read. Prepares may
// run at once with the same cache, in one process or in many.
func Prepare(ctx context.Context, cfg Config, modules []Module) (Toolchain, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Toolchain{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout,
		fmt.Errorf("fetching Go modules took longer than %s", cfg.Timeout))
	defer cancel()
	home, err := os.MkdirTemp("", "slipway-go-")
	if err != nil {
		return Toolchain{}, fmt.Errorf("make a home for the go command: %w", err)
	}
	defer os.RemoveAll(home)
	f := fetcher{log: cfg.Log, home: home, env: scrub(cfg.Env), modCache: filepath.Join(cfg.Cache, "mod")}
	toolchain, err := f.toolchain(ctx, modules)
	if err != nil {
		return Toolchain{}, err
	}
	f.goRoot = toolchain.Root
	for _, tree := range byRoot(modules) {
		if err := f.fetchTree(ctx, toolchain.Version, tree); err != nil {
			return Toolchain{}, err
		}
	}
	return toolchain, nil
}

func (cfg Config) withDefaults() (Config, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Minute
	}
	if cfg.Env == nil {
		cfg.Env = os.Environ()
	}
	if cfg.Log == nil {
		cfg.Log = quiet()
	}
	if cfg.Cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return cfg, fmt.Errorf("find a folder for the Go module cache: %w; set HOME or XDG_CACHE_HOME", err)
		}
		cfg.Cache = filepath.Join(dir, "slipway", "go")
	}
	cache, err := filepath.Abs(cfg.Cache)
	if err != nil {
		return cfg, fmt.Errorf("find the Go module cache: %w", err)
	}
	cfg.Cache = cache
	return cfg, os.MkdirAll(filepath.Join(cfg.Cache, "mod"), 0o755)
}

// quiet is a log that nobody reads.
func quiet() logrus.FieldLogger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// byRoot groups modules by the tree that they were found in, in order.
func byRoot(modules []Module) [][]Module {
	var trees [][]Module
	index := map[string]int{}
	for _, m := range modules {
		i, seen := index[m.Root]
		if !seen {
			i = len(trees)
			index[m.Root] = i
			trees = append(trees, nil)
		}
		trees[i] = append(trees[i], m)
	}
	return trees
}
