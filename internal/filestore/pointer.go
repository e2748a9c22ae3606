package filestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"slipway.dev/slipway/internal/store"
)

// Pointer is what a channel, or a version, names.
type Pointer struct {
	Digest  string `json:"digest"`            // sha256:<hex> of a blob in the same store
	Channel string `json:"channel"`           // full name, as in hello-disk/live
	Version string `json:"version,omitempty"` // as in v1.2.3, where it has one
	Plan    string `json:"plan,omitempty"`    // hash of the plan that moved it
	Record  int    `json:"record,omitempty"`  // sequence of the ledger's record that moved it; 0 is not said
}

// MovedError is a channel that does not hold what it was to move from.
type MovedError struct {
	Channel string
	Have    string // digest that it holds; empty if it holds nothing
	Record  int    // the ledger's record that moved it there
	Want    string // digest that it was to hold; empty for nothing
}

func (e *MovedError) Error() string {
	if e.Have == e.Want {
		return fmt.Sprintf("channel %s holds %s again, since record %d of its ledger, which is newer; plan again", e.Channel, holds(e.Have), e.Record)
	}
	return fmt.Sprintf("channel %s holds %s, not %s; plan again from what it holds", e.Channel, holds(e.Have), holds(e.Want))
}

func holds(digest string) string {
	if digest == "" {
		return "nothing"
	}
	return digest
}

// swapAttempts bounds how often Point looks again after somebody else was faster. Each
// time but few, that ends it: the channel then holds something else.
const swapAttempts = 10

// Point lets a channel name p, if it names the digest expect now; "" is a channel that
// holds nothing yet. If it names p already, nothing is done. If it names something else,
// or expect by a record of the ledger that is not older than p's, the error is a
// *MovedError and nothing changes: whoever slept through a move and its rollback must not
// make the move again. The blob must be there.
func Point(ctx context.Context, s store.Store, channel, expect string, p Pointer) error {
	if err := point(ctx, s, channel, expect, p); err != nil {
		return fmt.Errorf("point channel %s at %s: %w", channel, p.Digest, err)
	}
	return nil
}

func point(ctx context.Context, s store.Store, channel, expect string, p Pointer) error {
	key, err := pointerKey(channel)
	if err != nil {
		return err
	}
	p, data, err := p.ready(ctx, s, channel)
	if err != nil {
		return err
	}
	for range swapAttempts {
		have, generation, err := current(ctx, s, key, channel)
		if err != nil || p.sameAs(have) {
			return err
		}
		stale := have.Record > 0 && p.Record > 0 && have.Record >= p.Record
		if have.Digest != expect || stale {
			return &MovedError{Channel: channel, Have: have.Digest, Record: have.Record, Want: expect}
		}
		_, err = s.Swap(ctx, key, generation, data)
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrStale) {
			return settle(ctx, s, key, p, err)
		}
	}
	return fmt.Errorf("%w, %d times; try again when others are done", store.ErrStale, swapAttempts)
}

// settle looks what became of a swap that failed: its answer may have been lost.
func settle(ctx context.Context, s store.Store, key string, p Pointer, failed error) error {
	have, _, err := current(ctx, s, key, p.Channel)
	if err == nil && p.sameAs(have) {
		return nil
	}
	return failed
}

func (p Pointer) sameAs(other Pointer) bool {
	return p.Digest == other.Digest && p.Version == other.Version
}

// ready is p as the pointer of a channel, and its bytes, if the blob is there.
func (p Pointer) ready(ctx context.Context, s store.Store, channel string) (Pointer, []byte, error) {
	if p.Channel != "" && p.Channel != channel {
		return p, nil, fmt.Errorf("the pointer is of channel %s", p.Channel)
	}
	p.Channel = channel
	key, err := blobKey(p.Digest)
	if err != nil {
		return p, nil, err
	}
	if _, err := s.Stat(ctx, key); err != nil {
		return p, nil, fmt.Errorf("what it is to hold: %w", err)
	}
	data, err := store.MarshalJSON(p)
	return p, data, err
}

// Now reads what a channel names; ok is false if it names nothing yet.
func Now(ctx context.Context, s store.Store, channel string) (p Pointer, ok bool, err error) {
	key, err := pointerKey(channel)
	if err != nil {
		return Pointer{}, false, fmt.Errorf("read channel %s: %w", channel, err)
	}
	p, generation, err := current(ctx, s, key, channel)
	if err != nil {
		return Pointer{}, false, fmt.Errorf("read channel %s: %w", channel, err)
	}
	return p, generation != store.Absent, nil
}

// current is the zero Pointer where there is none.
func current(ctx context.Context, s store.Store, key, channel string) (Pointer, store.Generation, error) {
	data, generation, err := s.Read(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return Pointer{}, store.Absent, nil
	}
	if err != nil {
		return Pointer{}, store.Absent, err
	}
	p, err := parsePointer(data)
	if err == nil && p.Channel != channel {
		err = fmt.Errorf("it is of channel %s", p.Channel)
	}
	if err != nil {
		return Pointer{}, store.Absent, fmt.Errorf("read %s: %w: %w", s.URL(key), store.ErrCorrupt, err)
	}
	return p, generation, nil
}

// parsePointer reads a pointer to its last byte: it is what other programs act on.
func parsePointer(data []byte) (p Pointer, err error) {
	if err := json.Unmarshal(data, &p); err != nil {
		return Pointer{}, err
	}
	own, err := store.MarshalJSON(p)
	if err != nil {
		return Pointer{}, err
	}
	if !bytes.Equal(own, data) {
		return Pointer{}, errors.New("it is no pointer as this program writes it")
	}
	_, err = blobKey(p.Digest)
	return p, err
}

const (
	channelFolder = "channels"
	versionFolder = "versions" // beside an artifact's channels
)

// pointerKey is where a channel lies, by its full name.
func pointerKey(channel string) (string, error) {
	artifact, name := path.Split(channel)
	artifact = strings.TrimSuffix(artifact, "/")
	if artifact == "" || name == "" {
		return "", fmt.Errorf("%q is no channel's full name; write ARTIFACT/CHANNEL", channel)
	}
	return keyOf(artifact, name)
}

// keyOf also sees that no artifact's channels lie where another's versions do.
func keyOf(artifact string, rest ...string) (string, error) {
	if artifact == "" || path.Base(artifact) == versionFolder {
		return "", fmt.Errorf("%q cannot name an artifact: that is where versions lie", artifact)
	}
	key := strings.Join(append([]string{channelFolder, artifact}, rest...), "/") + ".json"
	return key, store.CheckKey(key)
}
