// Package ledger is the append-only record of every change of a channel: who moved
// it, when, why, by which plan and on which evidence.
//
// Each channel has a line of records, ledger/<channel>/<sequence>.json, created once
// each, and each naming the sum of the one before. Creating the next number is the
// lock: of two that move one channel at once, one creates it and the other is told
// ErrRaced. A line is read whole and verified whole; a byte changed in it, or a
// record missing from its middle, is ErrBroken.
package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"slipway.dev/slipway/internal/store"
)

var (
	// ErrBroken is a line that somebody else than this package wrote in.
	ErrBroken = errors.New("the ledger is broken")
	// ErrRaced is an Append whose number somebody else took first.
	ErrRaced = errors.New("somebody else changed the channel at the same time")
)

// Kind is what a record says.
type Kind string

// The kinds. A channel's pointer moves only between an Intent and its Done.
const (
	Intent Kind = "intent" // the channel is about to hold Digest
	Resume Kind = "resume" // Run takes over the open intent of a run that died
	Done   Kind = "done"   // the open intent came about: the channel holds Digest
	Aside  Kind = "aside"  // the open intent was given up: the channel holds what it held
	Lift   Kind = "lift"   // Digest, barred by a rollback, may come back
)

// Record is one entry. Those after an intent repeat its Digest.
type Record struct {
	Channel  string    `json:"channel"`
	Sequence int       `json:"sequence"`
	Previous string    `json:"previous"` // sum of the record before; empty for the first
	Kind     Kind      `json:"kind"`
	Time     time.Time `json:"time"` // UTC, by the writer's clock
	Who      string    `json:"who"`
	Why      string    `json:"why,omitempty"`
	Run      string    `json:"run,omitempty"` // which run of the promoter, for its lease
	Digest   string    `json:"digest"`

	// Of an intent.
	From     string   `json:"from,omitempty"`     // what the channel held, by this ledger
	Source   string   `json:"source,omitempty"`   // the channel that the digest came from
	Version  string   `json:"version,omitempty"`  // the version tag that is written with it
	Train    string   `json:"train,omitempty"`    // the train that it moves with
	Rollback bool     `json:"rollback,omitempty"` // From is barred when this is done
	Plan     string   `json:"plan,omitempty"`     // the plan's hash
	Evidence []string `json:"evidence,omitempty"` // keys of evidence and approvals that the gate stood on
}

// entry is a record as it lies in the store.
type entry struct {
	Record json.RawMessage `json:"record"`
	Sum    string          `json:"sum"` // sha256 of the record's bytes
}

// encode gives the one form that a record has in the store, and its sum.
func (r Record) encode() (text []byte, sum string, err error) {
	record, err := json.Marshal(r)
	if err != nil {
		return nil, "", err
	}
	digest := sha256.Sum256(record)
	sum = "sha256:" + hex.EncodeToString(digest[:])
	text, err = json.Marshal(entry{record, sum})
	return append(text, '\n'), sum, err
}

// decode takes that form and no other.
func decode(text []byte) (Record, string, error) {
	var e entry
	var r Record
	if err := json.Unmarshal(text, &e); err != nil {
		return Record{}, "", err
	}
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return Record{}, "", err
	}
	again, sum, err := r.encode()
	if err == nil && !bytes.Equal(again, text) {
		err = errors.New("its bytes are not those that were written")
	}
	return r, sum, err
}

func key(channel string, sequence int) string {
	return fmt.Sprintf("%s%08d.json", prefix(channel), sequence)
}

func prefix(channel string) string { return Folder + channel + "/" }

// Folder is where all lines lie in the store.
const Folder = "ledger/"

// broken words what is wrong with a record.
func broken(s store.Store, key string, format string, args ...any) error {
	return fmt.Errorf("%w at %s: %s; nothing moves on this channel until its people have looked", ErrBroken, s.URL(key), fmt.Sprintf(format, args...))
}
