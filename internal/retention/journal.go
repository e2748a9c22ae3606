package retention

import (
	"context"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/store"
)

// journal is what a run writes down in the store.
type journal struct {
	store  store.Store
	folder string
	part   int
}

// Saved is a manifest as it was before it was deleted: a PUT of Raw as MediaType under
// each of the tags, or under the digest if it had none, brings it back for as long as
// the registry has its blobs. What it belongs to comes after what belongs to it.
type Saved struct {
	Digest    string   `json:"digest"`
	MediaType string   `json:"mediaType"`
	Tags      []string `json:"tags,omitempty"`
	Raw       []byte   `json:"raw"`
}

// SavedFile is one inventory-<n>.json of a run.
type SavedFile struct {
	Repository string  `json:"repository"`
	Manifests  []Saved `json:"manifests"`
}

// begin writes down what a run is to delete, so that the next one knows what this one
// left.
func begin(ctx context.Context, s store.Store, plan Plan, now time.Time) (journal, error) {
	j := journal{store: s, folder: folderOf(plan.Repository) + "runs/" + stamp(now)}
	return j, j.write(ctx, planName, plan)
}

func (j *journal) write(ctx context.Context, name string, value any) error {
	if err := store.CreateJSON(ctx, j.store, j.folder+"/"+name, value); err != nil {
		return fmt.Errorf("keep the journal of a deletion: %w", err)
	}
	return nil
}

// inventory writes down the next batch's manifests.
func (j *journal) inventory(ctx context.Context, repository string, manifests []Saved) error {
	j.part++
	return j.write(ctx, fmt.Sprintf("inventory-%05d.json", j.part), SavedFile{repository, manifests})
}

// deleted writes down which of them were deleted.
func (j *journal) deleted(ctx context.Context, digests []sum, now time.Time) error {
	if len(digests) == 0 {
		return nil
	}
	return j.write(ctx, fmt.Sprintf("deleted-%05d.json", j.part), deletedFile{now.UTC(), digests})
}

// finish says that nothing is left to be done.
func (j journal) finish(ctx context.Context) error {
	return j.write(ctx, finishedName, struct{}{})
}
