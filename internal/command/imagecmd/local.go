package imagecmd

import (
	"context"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
)

// Local are the images of the tree around the working folder, for whoever runs them
// on this machine.
type Local struct{ engine engine }

// OpenLocal reads which images there are: outside of a checkout none. What takes long
// is told on env's standard error.
func OpenLocal(ctx context.Context, env cli.Env) (*Local, error) {
	local := &Local{engine{env: env}}
	if _, err := image.FindCheckout("."); err != nil {
		return local, nil
	}
	local.engine.add(pflag.NewFlagSet("local", pflag.ContinueOnError)) // sets the defaults
	return local, local.engine.open(ctx)
}

// Names lists all images of the tree.
func (l *Local) Names(context.Context) ([]string, error) {
	if l.engine.tree == nil {
		return nil, nil
	}
	return names(l.engine.tree.Images()), nil
}

// Load makes images be in podman's storage, and says what each is called there.
func (l *Local) Load(ctx context.Context, wanted []string) (map[string]string, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	images, err := l.engine.pick(wanted)
	if err != nil {
		return nil, err
	}
	results, err := l.engine.make(ctx, images, l.engine.load)
	loaded := map[string]string{}
	for _, r := range results {
		if r.How != build.Present {
			l.engine.say(string(r.How) + " " + r.Name)
		}
		loaded[r.Image] = r.Name
	}
	return loaded, err
}
