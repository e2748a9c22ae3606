package retention

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// batch deletes some manifests: it writes them down whole, says that they are about to
// go, looks at what may have changed, and deletes those that nobody wants.
func (r *run) batch(ctx context.Context, batch []int32) error {
	batch, err := r.save(ctx, batch)
	if err != nil {
		return err
	}
	if err := r.guard.condemn(ctx, r.sums(batch)); err != nil {
		return err
	}
	if err := r.lookAgain(ctx, batch); err != nil {
		return err
	}
	deleted, err := r.deleteEach(ctx, batch)
	return errors.Join(err, r.journal.deleted(context.WithoutCancel(ctx), deleted, r.Planner.now()))
}

// deleteEach deletes one by one what is not marked, until the registry refuses or the
// run is over.
func (r *run) deleteEach(ctx context.Context, batch []int32) (deleted []sum, err error) {
	for _, at := range batch {
		if r.marks[at] != "" {
			continue
		}
		if err := errors.Join(ctx.Err(), r.guard.lease.Check()); err != nil {
			return deleted, err
		}
		n := &r.view.Inventory.nodes[at]
		err := r.remove(ctx, n)
		var refusal *refusedError
		switch {
		case errors.As(err, &refusal):
			return deleted, err
		case err != nil:
			r.setAside(at, err)
			continue
		}
		r.removed[at] = true
		r.out.Deleted++
		deleted = append(deleted, n.digest)
	}
	return deleted, nil
}

func (r *run) sums(batch []int32) []sum {
	sums := make([]sum, len(batch))
	for i, at := range batch {
		sums[i] = r.view.Inventory.nodes[at].digest
	}
	return sums
}

// setAside keeps what could not be deleted, and all that it leads to: an index whose
// children went would be broken.
func (r *run) setAside(at int32, err error) {
	n := &r.view.Inventory.nodes[at]
	r.failed[at] = true
	r.out.Aside = append(r.out.Aside, Stays{n.digest.String(), n.tags, err.Error()})
	r.view.Inventory.keep(r.marks, at, "could not be deleted")
}

// save writes down the manifests of a batch, and returns those that are there.
func (r *run) save(ctx context.Context, batch []int32) ([]int32, error) {
	inv := r.view.Inventory
	saved := make([]Saved, len(batch))
	err := r.each(ctx, len(batch), func(ctx context.Context, i int) error {
		n := &inv.nodes[batch[i]]
		mediaType, raw, err := readManifest(ctx, r.Registry, inv.Repository, n.digest)
		if err == nil {
			saved[i] = Saved{n.digest.String(), mediaType, n.tags, raw}
		}
		return ignoreAbsent(err)
	})
	if err != nil {
		return nil, err
	}
	var there []int32
	var kept []Saved
	for i, s := range saved {
		if s.Digest == "" {
			r.removed[batch[i]] = true
			r.out.Gone++
			continue
		}
		there, kept = append(there, batch[i]), append(kept, s)
	}
	return there, r.journal.inventory(ctx, inv.Repository, kept)
}

// each does something for the numbers below n, several at a time.
func (r *run) each(ctx context.Context, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.parallel())
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// remove deletes a manifest with its tags. Some registries take the tags with it, some
// leave them, and some refuse until they are gone.
func (r *run) remove(ctx context.Context, n *node) error {
	repository, digest := r.view.Inventory.Repository, n.digest.String()
	err := r.Deleter.Delete(ctx, repository, digest)
	if isTagged(err) {
		if err := r.untag(ctx, n); err != nil {
			return err
		}
		err = r.Deleter.Delete(ctx, repository, digest)
	}
	if ignoreAbsent(err) != nil {
		return explain(repository, digest, err)
	}
	return r.untag(ctx, n)
}

// untag deletes those of a manifest's tags that still name it.
func (r *run) untag(ctx context.Context, n *node) error {
	repository := r.view.Inventory.Repository
	for _, tag := range n.tags {
		named, err := r.Registry.Resolve(ctx, repository, tag)
		if err == nil && named == n.digest.String() {
			err = r.Deleter.Delete(ctx, repository, tag)
		}
		if ignoreAbsent(err) != nil {
			return explain(repository, tag, err)
		}
	}
	return nil
}

// isTagged says whether a registry does not delete what has tags, as Google's do not.
func isTagged(err error) bool {
	return err != nil && strings.Contains(err.Error(), "GOOGLE_MANIFEST_DANGLING_TAG")
}

// refusedError is a registry that will not delete anything, however often it is asked.
type refusedError struct {
	err  error
	cure string
}

func (e *refusedError) Error() string { return e.err.Error() + "; " + e.cure }
func (e *refusedError) Unwrap() error { return e.err }

func explain(repository, reference string, err error) error {
	err = fmt.Errorf("delete %s of %s: %w", reference, repository, err)
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return err
	}
	switch answer.StatusCode {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return &refusedError{err, "this registry does not delete: set REGISTRY_STORAGE_DELETE_ENABLED=true if it is distribution's (docker-registry), or switch deletion and mutable tags on in the provider's settings"}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &refusedError{err, "the credential of --delete-auth may not delete here; give it the right to"}
	}
	return err
}
