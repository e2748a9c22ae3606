package releasecmd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/imagecmd"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
	"slipway.dev/slipway/internal/image/registry"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/scratch"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
)

// releasing is one release of a commit's image.
type releasing struct {
	*flags
	env      cli.Env
	channels *channel.Config
	artifact channel.Artifact
	entry    channel.Channel
	location string // of the entry channel: HOST/PATH

	signer   dsse.SignerVerifier
	store    store.Store
	client   *oci.Client
	promoter *promotion.Promoter
	source   *source
	builder  *build.Builder
	target   image.Image
	to       *registry.Registry
	as       string // what to calls the artifact

	done Result
}

// open reads all that is told and finds the commit; it changes nothing. remove removes
// the clone.
func open(ctx context.Context, env cli.Env, f *flags, artifact string) (r *releasing, remove func(), err error) {
	r = &releasing{flags: f, env: env}
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return r.findChannel(artifact) }, r.readKey, r.openStore, r.openRegistry,
	} {
		if err := step(ctx); err != nil {
			return nil, nil, err
		}
	}
	folder, remove, err := scratch.Place{Parent: filepath.Join(f.cache, "releases"), Prefix: "commit-"}.Make()
	if err != nil {
		return nil, nil, err
	}
	if err := r.openSource(ctx, folder); err != nil {
		remove()
		return nil, nil, err
	}
	return r, remove, nil
}

// findChannel takes ARTIFACT, or ARTIFACT/CHANNEL of its entry channel.
func (r *releasing) findChannel(name string) (err error) {
	if r.channels, err = channel.Load(r.config); err != nil {
		return err
	}
	full := name
	if a, ok := r.channels.Artifact(name); ok {
		i := slices.IndexFunc(r.channels.Of(a), func(c channel.Channel) bool { return c.From == "" })
		full = channel.Full(a.Name, r.channels.Of(a)[max(i, 0)].Name)
	}
	if r.artifact, r.entry, err = r.channels.Channel(full); err != nil {
		return cli.Misuse("%w", err)
	}
	r.location = r.artifact.At(r.entry.Name)
	switch {
	case r.artifact.Kind != channel.Image:
		return cli.Misuse("%s is a %s, not an image", r.artifact.Name, r.artifact.Kind)
	case r.entry.From != "":
		return cli.Misuse("%s takes from %s; only an entry channel takes what is built, promote the rest", full, r.entry.From)
	}
	return nil
}

const passwordEnv = "SLIPWAY_KEY_PASSWORD"

// readKey refuses a key whose evidence would open nothing, before an hour is spent.
func (r *releasing) readKey(context.Context) (err error) {
	if r.signer, err = signing.ReadPrivate(r.key, passwordEnv, r.env.Getenv); err != nil {
		return err
	}
	for _, test := range r.entry.Gate.Tests {
		if (test.Name == unit || test.Name == lint) && !r.isSigner(test.Signers) {
			return fmt.Errorf("test %s of %s is signed by %s, and %s is the key of none of them; name theirs", test.Name,
				r.channel(), strings.Join(test.Signers, ", "), r.key)
		}
	}
	return nil
}

func (r *releasing) isSigner(names []string) bool {
	mine, err := signing.KeyID(r.signer.Public())
	return err == nil && slices.ContainsFunc(names, func(name string) bool {
		key, err := signing.ParsePublic(r.channels.Signers[name].Data)
		if err != nil {
			return false
		}
		id, err := signing.KeyID(key.Public())
		return err == nil && id == mine
	})
}

func (r *releasing) openStore(ctx context.Context) (err error) {
	if r.store, err = storeurl.Open(ctx, r.flags.store); err != nil {
		return err
	}
	proofs, err := proof.New(r.store, r.channels.Signers, r.say)
	if err != nil {
		return err
	}
	budgets := map[string]oci.Budget{}
	for host, b := range r.channels.Registries {
		budgets[host] = oci.Budget{Parallel: b.Parallel, Rate: b.Rate}
	}
	r.client = oci.New(oci.Config{Budgets: budgets, Progress: r.say})
	r.promoter = &promotion.Promoter{
		Config: r.channels, Store: r.store, Registry: r.client, Proof: proofs, OpenStore: storeurl.Open,
		Who: r.whoami(), Say: r.say, Term: r.term,
	}
	return nil
}

func (r *releasing) openRegistry(context.Context) (err error) {
	r.as = path.Base(r.location)
	r.to, err = registry.New(registry.Config{Prefix: path.Dir(r.location)})
	return err
}

// openSource clones the commit and reads its images.
func (r *releasing) openSource(ctx context.Context, folder string) (err error) {
	if r.source, err = clone(ctx, r.repo, r.commit, folder, r.say); err != nil {
		return err
	}
	r.source.url = r.artifact.Repository
	r.say("commit " + r.source.commit)
	if err := r.source.merged(ctx, r.branch); err != nil {
		return err
	}
	if r.builder, err = imagecmd.Workshop(ctx, r.env, r.source.dir, r.images, r.cache); err != nil {
		return err
	}
	r.builder.Timeout = r.timeout
	r.target, err = r.builder.Tree.Find(cmp.Or(r.image, r.artifact.Name))
	return err
}

func (r *releasing) channel() string { return channel.Full(r.artifact.Name, r.entry.Name) }

func (r *releasing) say(message string) { fmt.Fprintln(r.env.Stderr, message) }

func (r *releasing) whoami() string {
	if r.who != "" {
		return r.who
	}
	if r.job.Name != "" {
		return "job " + r.job.Name + " " + r.job.BuildID
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown machine"
	}
	return cmp.Or(r.env.Getenv("USER"), fmt.Sprintf("uid %d", os.Getuid())) + " on " + host
}
