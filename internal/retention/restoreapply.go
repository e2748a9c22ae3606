package retention

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/lease"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/progress"
)

// look finds out what of it is there.
func (j *restoring) look(ctx context.Context) error {
	repository := j.archive.repository
	defer progress.Watch(10*time.Second, "looking for what was deleted from "+repository, j.say)()
	err := j.each(ctx, slices.Sorted(maps.Keys(j.items)), func(ctx context.Context, at int32) error {
		item := j.items[at]
		_, _, err := readManifest(ctx, j.Registry, repository, j.inv.nodes[at].digest)
		if err == nil {
			item.State = Here
		}
		if ignoreAbsent(err) != nil {
			return err
		}
		for i := range item.Tags {
			if err := j.lookUp(ctx, item.Digest, &item.Tags[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, at := range slices.Concat(j.levels...) {
		j.hold(at)
	}
	return nil
}

// lookUp finds out whether a tag is to be set.
func (j *restoring) lookUp(ctx context.Context, digest string, t *ReturnedTag) error {
	if why := j.owner(t.Tag); why != "" {
		t.State, t.Why = Left, why
		return nil
	}
	now, err := j.Registry.Resolve(ctx, j.archive.repository, t.Tag)
	switch {
	case errors.Is(err, ErrAbsent):
		t.State = Missing
	case err != nil:
		return fmt.Errorf("look up %s:%s: %w", j.archive.repository, t.Tag, err)
	case now == digest:
		t.State = Here
	default:
		t.State, t.Why = Left, "names "+now+" by now"
	}
	return nil
}

// owner says who else sets a tag.
func (j *restoring) owner(tag string) string {
	switch why := j.roots.tags[tag]; {
	case why == isVersion || why == "" && versionTag.MatchString(tag):
		return "is a version, which `slipway promotion apply` sets"
	case why != "":
		return "is the " + why + ", which `slipway channel restore` sets"
	}
	return ""
}

// hold sets a manifest aside for something that it needs.
func (j *restoring) hold(at int32) {
	item, n := j.items[at], &j.inv.nodes[at]
	if item.State != Missing {
		return
	}
	for _, child := range n.children {
		needs := j.items[child]
		switch _, saved := j.from[child]; {
		case needs.State == Aside:
			item.aside("names " + needs.Digest + ", which is set aside")
		case needs.State == Missing && !saved:
			item.aside("names " + needs.Digest + ", which is neither in the registry nor in what a run wrote down; build the image again from source")
		}
	}
	for _, subject := range n.subjects {
		if needs := j.items[subject]; needs.State == Aside {
			item.aside("refers to " + needs.Digest + ", which is set aside")
		}
	}
}

// aside sets a manifest aside with its tags.
func (r *Returned) aside(why string) {
	r.State, r.Why = Aside, why
	for i := range r.Tags {
		if t := &r.Tags[i]; t.State == Missing {
			t.State, t.Why = Aside, "its manifest is set aside"
		}
	}
}

// putBack puts manifests back, then their tags, then sees that referrers are found.
func (j *restoring) putBack(ctx context.Context, held *lease.Lease) error {
	defer progress.Watch(10*time.Second, "putting back into "+j.archive.repository, j.say)()
	raw, err := j.raw(ctx, slices.Collect(maps.Values(j.from)))
	if err != nil {
		return err
	}
	if err := j.journal(ctx); err != nil {
		return err
	}
	for _, step := range []func(context.Context, int32, oci.Manifest) error{j.put, j.tag, j.refer} {
		for _, level := range j.levels {
			err := j.each(ctx, level, func(ctx context.Context, at int32) error {
				if err := errors.Join(ctx.Err(), held.Check()); err != nil {
					return err
				}
				e := j.from[at]
				return step(ctx, at, oci.Manifest{Digest: e.Digest, MediaType: e.MediaType, Raw: raw[e.Digest]})
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// journal ends what runs wrote of their deletions that died before they could: what
// comes back has to be as young as it is, or the next run deletes it again.
func (j *restoring) journal(ctx context.Context) error {
	gone := map[string][]sum{} // by the folder of the run that deleted it
	for _, at := range slices.Concat(j.levels...) {
		digest := j.inv.nodes[at].digest
		saved := j.archive.saved[digest]
		if last := saved[len(saved)-1].run; j.items[at].State == Missing && !last.deleted[digest] {
			gone[last.folder] = append(gone[last.folder], digest)
		}
	}
	for folder, digests := range gone {
		now := j.now()
		journal := journal{store: j.Store, folder: folder}
		if err := journal.write(ctx, "deleted-"+stamp(now)+".json", deletedFile{now.UTC(), digests}); err != nil {
			return err
		}
	}
	return nil
}

func (j *restoring) put(ctx context.Context, at int32, m oci.Manifest) error {
	j.hold(at)
	item := j.items[at]
	if item.State != Missing {
		return nil
	}
	why, err := refusal(j.Writer.Put(ctx, j.archive.repository, m))
	switch {
	case err != nil:
		return err
	case why != "":
		item.aside(why)
	default:
		item.State = Back
	}
	return nil
}

// tag sets a manifest's tags that nothing has, after a last look.
func (j *restoring) tag(ctx context.Context, at int32, m oci.Manifest) error {
	for i := range j.items[at].Tags {
		t := &j.items[at].Tags[i]
		if t.State != Missing {
			continue
		}
		if err := j.lookUp(ctx, m.Digest, t); err != nil {
			return err
		}
		if t.State != Missing {
			continue
		}
		why, err := refusal(j.Writer.Tag(ctx, j.archive.repository, t.Tag, m))
		switch {
		case err != nil:
			return err
		case why != "":
			t.State, t.Why = Aside, why
		default:
			t.State = Back
		}
	}
	return nil
}

// refer lists a referrer where the tag that did so is another's by now.
func (j *restoring) refer(ctx context.Context, at int32, m oci.Manifest) error {
	item := j.items[at]
	if item.State == Aside {
		return nil
	}
	why, err := refusal(j.Writer.Refer(ctx, j.archive.repository, m))
	if why != "" {
		item.State, item.Why = Aside, "is there, and cannot be listed as a referrer: "+why
	}
	return err
}

// refusal tells why a registry does not take something, from an error that would meet
// everything else as well.
func refusal(err error) (why string, stop error) {
	var answer *transport.Error
	var kind *oci.MediaTypeError
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &kind):
		return err.Error(), nil
	case !errors.As(err, &answer):
		return "", err
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
		return "", err
	}
	for _, d := range answer.Errors {
		if strings.HasSuffix(string(d.Code), "BLOB_UNKNOWN") {
			return fmt.Sprintf("the registry's garbage collection took its blobs (%s); build it again from source", d.Code), nil
		}
	}
	return err.Error(), nil
}

// each does something for some nodes, several at a time.
func (j *restoring) each(ctx context.Context, nodes []int32, do func(context.Context, int32) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(j.parallel())
	for _, at := range nodes {
		group.Go(func() error { return do(ctx, at) })
	}
	return group.Wait()
}
