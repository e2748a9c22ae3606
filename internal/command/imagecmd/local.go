package imagecmd

import (
	"context"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/image/build"
)

// Local are the images of the tree around the working folder, for whoever runs them
// on this machine.
type Local struct{ engine engine }

// OpenLocal reads which images there are. What takes long is told on env's standard
// error.
func OpenLocal(ctx context.Context, env cli.Env) (*Local, error) {
	local := &Local{engine{env: env}}
	local.engine.add(pflag.NewFlagSet("local", pflag.ContinueOnError)) // sets the defaults
	return local, local.engine.open(ctx)
}

// Names lists all images of the tree.
func (l *Local) Names(context.Context) ([]string, error) {
	return names(l.engine.tree.Images()), nil
}

// Load makes images be in podman's storage, and says what each is called there.
func (l *Local) Load(ctx context.Context, wanted []string) (map[string]string, error) {
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
