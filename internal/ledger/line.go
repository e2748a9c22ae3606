package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/store"
)

// Line is a channel's records, read and verified.
type Line struct {
	Channel string
	Records []Record
	last    string // sum of the last record
	cut     int    // how many records Head left out
}

// Length is how many records the line has.
func (l *Line) Length() int { return l.cut + len(l.Records) }

// Head is the line without its past: what the channel holds and what is open on it,
// and all that Append needs.
func (l Line) Head() Line {
	keep := len(l.Records)
	for i, r := range slices.Backward(l.Records) {
		keep = i
		if r.Kind == Done {
			break
		}
	}
	l.cut += keep
	l.Records = slices.Clone(l.Records[keep:])
	return l
}

// atOnce is how many records of one line are fetched at a time.
const atOnce = 16

// Read reads and verifies a channel's line; a channel that never moved has an empty one.
func Read(ctx context.Context, s store.Store, channel string) (Line, error) {
	keys, err := keys(ctx, s, channel)
	if err != nil {
		return Line{}, fmt.Errorf("read the ledger of %s: %w", channel, err)
	}
	line, err := read(ctx, s, channel, keys)
	if err != nil {
		return Line{}, fmt.Errorf("read the ledger of %s: %w", channel, err)
	}
	return line, nil
}

// keys lists a line's keys. Below them may lie the line of a channel whose
// artifact is named like this channel.
func keys(ctx context.Context, s store.Store, channel string) ([]string, error) {
	var found []string
	for k, err := range s.List(ctx, prefix(channel)) {
		if err != nil {
			return nil, err
		}
		if !strings.Contains(strings.TrimPrefix(k, prefix(channel)), "/") {
			found = append(found, k)
		}
	}
	return found, nil
}

func read(ctx context.Context, s store.Store, channel string, keys []string) (Line, error) {
	texts := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, k := range keys {
		if want := key(channel, i); k != want {
			return Line{}, broken(s, k, "the record %s is missing", want)
		}
		group.Go(func() (err error) {
			texts[i], err = readAll(ctx, s, k)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return Line{}, err
	}
	line := Line{Channel: channel}
	for i, text := range texts {
		if err := line.add(s, keys[i], text); err != nil {
			return Line{}, err
		}
	}
	return line, nil
}

func readAll(ctx context.Context, s store.Store, key string) ([]byte, error) {
	body, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// add verifies that a record follows those before it.
func (l *Line) add(s store.Store, key string, text []byte) error {
	r, sum, err := decode(text)
	if err != nil {
		return broken(s, key, "%v", err)
	}
	if r.Channel != l.Channel || r.Sequence != l.Length() {
		return broken(s, key, "it is record %d of %s", r.Sequence, r.Channel)
	}
	if r.Previous != l.last {
		return broken(s, key, "it follows %q, and the record before it is %q", r.Previous, l.last)
	}
	if err := l.allows(r); err != nil {
		return broken(s, key, "%v", err)
	}
	l.Records, l.last = append(l.Records, r), sum
	return nil
}

// allows says whether a record may follow.
func (l *Line) allows(r Record) error {
	open, isOpen := l.Open()
	switch r.Kind {
	case Intent, Lift:
		if isOpen {
			return fmt.Errorf("%s of %s while the intent of %s is open", r.Kind, r.Digest, open.Digest)
		}
	case Resume, Done, Aside:
		if !isOpen || open.Digest != r.Digest {
			return fmt.Errorf("%s of %s without its intent", r.Kind, r.Digest)
		}
	default:
		return fmt.Errorf("there is no kind %q", r.Kind)
	}
	return nil
}

// Append creates the record after the line's last, and gives the line with it. The
// record's place in the line is filled in. After ErrRaced, read again and decide again.
func (l Line) Append(ctx context.Context, s store.Store, r Record) (Line, error) {
	r.Channel, r.Sequence, r.Previous, r.Time = l.Channel, l.Length(), l.last, r.Time.UTC()
	if err := l.allows(r); err != nil {
		return l, fmt.Errorf("write the ledger of %s: %w", l.Channel, err)
	}
	text, sum, err := r.encode()
	if err != nil {
		return l, fmt.Errorf("write the ledger of %s: %w", l.Channel, err)
	}
	k := key(l.Channel, r.Sequence)
	err = s.Create(ctx, k, bytes.NewReader(text))
	switch {
	case errors.Is(err, store.ErrConflict):
		return l, fmt.Errorf("write the ledger of %s: %w: %s is taken", l.Channel, ErrRaced, s.URL(k))
	case err != nil:
		return l, fmt.Errorf("write the ledger of %s: %w", l.Channel, err)
	}
	l.Records, l.last = append(slices.Clone(l.Records), r), sum
	return l, nil
}

// Open is the intent that is neither done nor aside.
func (l *Line) Open() (Record, bool) {
	for _, r := range slices.Backward(l.Records) {
		switch r.Kind {
		case Intent:
			return r, true
		case Done, Aside:
			return Record{}, false
		}
	}
	return Record{}, false
}

// Runner is the run that the open intent is in the hands of.
func (l *Line) Runner() string {
	for _, r := range slices.Backward(l.Records) {
		if r.Kind == Intent || r.Kind == Resume {
			return r.Run
		}
	}
	return ""
}

// Holds is the digest that the channel holds by this ledger, and since when; empty
// if it never held one.
func (l *Line) Holds() (digest string, since time.Time) {
	for _, r := range slices.Backward(l.Records) {
		if r.Kind == Done {
			return r.Digest, r.Time
		}
	}
	return "", time.Time{}
}

// Stay is one time in which the channel held a digest.
type Stay struct {
	Intent Record
	Done   Record
}

// Stays are all of them, oldest first. The last is the present one.
func (l *Line) Stays() []Stay {
	var stays []Stay
	var intent Record
	for _, r := range l.Records {
		switch r.Kind {
		case Intent:
			intent = r
		case Done:
			stays = append(stays, Stay{intent, r})
		}
	}
	return stays
}

// Barred says whether a rollback barred the digest, and no lift followed.
func (l *Line) Barred(digest string) (by Record, barred bool) {
	for _, stay := range l.Stays() {
		if stay.Intent.Rollback && stay.Intent.From == digest {
			by, barred = stay.Intent, true
		}
	}
	for _, r := range l.Records {
		if r.Kind == Lift && r.Digest == digest && r.Sequence > by.Sequence {
			barred = false
		}
	}
	return by, barred
}
