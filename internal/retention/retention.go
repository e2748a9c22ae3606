// Package retention deletes old images from a registry, and nothing else.
//
// A manifest goes only if a rule says that every tag of it may go, and if nothing
// that stays leads to it: not a channel, what a channel may be rolled back to, a
// version, a plan in flight or a tag that no rule speaks of, nor any index, subject or
// referrer of those. What has no record of its age is as old as the first inventory
// that saw it; the registry's own times are never asked.
//
// A plan is a pure function of an inventory. Applying one looks at everything again,
// writes down what it is about to delete so that it can be put back, tells promoters
// of it (Condemned), looks once more at what may have changed since, and only then
// deletes. Whatever holds something is deleted before what it holds, so that a run
// that is killed leaves nothing half that is still wanted, and the next run ends it.
// In the store, under retention/<repository, with _ for its colon>/:
//
//	seen/<time>-<nonce>.json               manifests that a look was the first to see
//	runs/<time>-<nonce>/plan.json          what a run is to delete
//	runs/<time>-<nonce>/inventory-<n>.json manifests that it deletes, whole
//	runs/<time>-<nonce>/deleted-<n>.json   those of them that it deleted
//	runs/<time>-<nonce>/deleted-<time>-<nonce>.json  the same, written by a restore for a run that died
//	runs/<time>-<nonce>/finished.json      it left nothing undone
//	now.json                               pointer: what is being deleted at this moment
package retention

import (
	"context"
	"errors"
	"iter"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// ErrAbsent is what a Registry answers when it has no such repository, tag or manifest.
var ErrAbsent = errors.New("the registry has no such thing")

// Registry is what is asked of registries.
type Registry interface {
	// Tags lists a repository's tags.
	Tags(ctx context.Context, repository string) iter.Seq2[string, error]
	// Resolve is the digest that a tag names.
	Resolve(ctx context.Context, repository, tag string) (digest string, err error)
	// Manifest reads a manifest.
	Manifest(ctx context.Context, repository, digest string) (mediaType string, raw []byte, err error)
	// Referrers are the manifests whose subject is digest.
	Referrers(ctx context.Context, repository, digest string) ([]v1.Descriptor, error)
}

// Deleter deletes from registries, with a credential of its own.
type Deleter interface {
	// Delete deletes a manifest, named by its digest, or a tag.
	Delete(ctx context.Context, repository, reference string) error
}

// folderOf is where the store keeps what this package knows of a repository.
func folderOf(repository string) string {
	return "retention/" + strings.ReplaceAll(repository, ":", "_") + "/"
}
