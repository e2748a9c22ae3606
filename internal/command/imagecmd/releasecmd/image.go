package releasecmd

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/store"
)

// revision is how OCI calls the commit that an image was built from.
const revision = "org.opencontainers.image.revision"

// record says which digest a commit's image has. It is created once: of two runs of one
// commit that built other bytes, the first one's count.
type record struct {
	Artifact string `json:"artifact"`
	Commit   string `json:"commit"`
	Image    string `json:"image"`  // in the repository
	Tag      string `json:"tag"`    // of its content
	Digest   string `json:"digest"` // of the index
}

func (r *releasing) recordKey() string {
	return "images/" + r.artifact.Name + "/" + r.source.commit + ".json"
}

// readRecord is the digest that the commit has; empty if it has none yet.
func (r *releasing) readRecord(ctx context.Context) (digest string, err error) {
	var have record
	err = store.ReadJSON(ctx, r.store, r.recordKey(), &have)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return have.Digest, err
}

// name is what the image is tagged as.
func (r *releasing) name() string { return r.location + ":" + r.source.commit }

// tagged is the digest that the commit's tag has; empty if there is no such tag.
func (r *releasing) tagged(ctx context.Context) (string, error) {
	digest, err := r.client.Resolve(ctx, r.location, r.source.commit)
	if errors.Is(err, oci.ErrAbsent) {
		return "", nil
	}
	return digest, err
}

// takenError is a commit's tag that is on something else than the commit's image.
type takenError struct{ name, have, want string }

func (e *takenError) Error() string {
	return fmt.Sprintf("%s is %s, and the image of this commit is %s; the tag stays: whoever may write there finds out who set it", e.name, e.have, e.want)
}

// look finds what earlier runs left, and refuses a tag that is none of theirs.
func (r *releasing) look(ctx context.Context) (digest string, err error) {
	if digest, err = r.readRecord(ctx); err != nil {
		return "", err
	}
	have, err := r.tagged(ctx)
	switch {
	case err != nil:
		return "", err
	case have != "" && digest == "":
		return "", &takenError{r.name(), have, "not known to the store"}
	case have != "" && have != digest:
		return "", &takenError{r.name(), have, digest}
	}
	r.done.Pushed = have != ""
	return digest, nil
}

// build makes the image be here, for this machine's architecture.
func (r *releasing) build(ctx context.Context) error {
	built, err := r.builder.Load(ctx, r.target.Name, r.arch())
	if err == nil {
		r.done.ID = built.ID
		r.say(fmt.Sprintf("image %s %s: %s", built.ID[:12], built.How, built.Name))
	}
	return err
}

// arch is the one that is tested: this machine's, if the image is built for it.
func (r *releasing) arch() string {
	for _, arch := range r.target.Architectures {
		if arch == runtime.GOARCH {
			return arch
		}
	}
	return r.target.Architectures[0]
}

// push sends the image, writes down that it is the commit's, and tags it. What an
// earlier run did is not done again.
func (r *releasing) push(ctx context.Context, digest string) (string, error) {
	if digest != "" && r.done.Pushed {
		return digest, nil
	}
	if !r.isThere(ctx, digest) {
		sent, err := r.builder.PushUntagged(ctx, r.to, r.as, r.target.Name, r.annotations())
		if err != nil {
			return "", err
		}
		if digest, err = r.settle(ctx, sent.Digest); err != nil {
			return "", err
		}
	}
	return digest, r.tag(ctx, digest)
}

// isThere says whether the registry has a digest that a record names: retention may have
// deleted it.
func (r *releasing) isThere(ctx context.Context, digest string) bool {
	if digest == "" {
		return false
	}
	_, err := r.client.Manifest(ctx, r.location, digest)
	return !errors.Is(err, oci.ErrAbsent)
}

// annotations make an index the commit's own, so that a channel which holds it says
// what it was built from. They are the same for every run.
func (r *releasing) annotations() map[string]string {
	return map[string]string{revision: r.source.commit}
}

// settle writes the commit's digest down, and gives the one that was first.
func (r *releasing) settle(ctx context.Context, digest string) (string, error) {
	tag, err := r.builder.Tree.Tag(r.target.Name)
	if err != nil {
		return "", err
	}
	err = store.CreateJSON(ctx, r.store, r.recordKey(), record{r.artifact.Name, r.source.commit, r.target.Name, tag, digest})
	if err == nil || !errors.Is(err, store.ErrConflict) {
		return digest, err
	}
	first, err := r.readRecord(ctx)
	if err != nil {
		return "", err
	}
	if !r.isThere(ctx, first) {
		return "", fmt.Errorf("the registry no longer has %s, which is this commit's image, and it was built again as %s; `slipway retention restore` brings the first one back", first, digest)
	}
	r.say("adopted " + first + ", which another run pushed first; this one built " + digest)
	return first, nil
}

// tag sets the commit's tag on the digest, unless it is there.
func (r *releasing) tag(ctx context.Context, digest string) error {
	have, err := r.tagged(ctx)
	if err != nil || have == digest {
		return err
	}
	if have != "" {
		return &takenError{r.name(), have, digest}
	}
	manifest, err := r.client.Manifest(ctx, r.location, digest)
	if err != nil {
		return err
	}
	if err := r.client.Tag(ctx, r.location, r.source.commit, manifest); err != nil {
		return err
	}
	r.say("pushed " + r.name() + "@" + digest)
	return nil
}
