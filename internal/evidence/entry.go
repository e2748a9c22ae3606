package evidence

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"slipway.dev/slipway/internal/evidence/filed"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/signing/intoto"
	"slipway.dev/slipway/internal/store"
)

const (
	root       = "evidence/"
	timeLayout = "20060102T150405Z"
)

// Entry is one piece of evidence by its name alone; nothing of it has been read.
type Entry struct {
	Key      string    `json:"key"`
	Digest   string    `json:"digest"` // of the artifact: sha256:HEX
	Test     string    `json:"test"`
	Finished time.Time `json:"finished"`
	Sum      string    `json:"sum"` // sha256 of the bundle, in hex
}

// prefixOf is what the names of a result of one subject begin with.
func prefixOf(hex string, r Result) string {
	return root + hex + "/" + r.Test + "/" + r.Finished.UTC().Format(timeLayout) + "-"
}

var keyPattern = regexp.MustCompile(`^evidence/([0-9a-f]{64})/([^/]+)/(\d{8}T\d{6}Z)-([0-9a-f]{64})\.json$`)

// ParseKey takes a name apart; there is one name for one entry.
func ParseKey(key string) (Entry, error) {
	m := keyPattern.FindStringSubmatch(key)
	if m == nil {
		return Entry{}, errors.New("it has no name of evidence")
	}
	finished, err := time.Parse(timeLayout, m[3])
	if err != nil {
		return Entry{}, err
	}
	return Entry{Key: key, Digest: "sha256:" + m[1], Test: m[2], Finished: finished, Sum: m[4]}, CheckTest(m[2])
}

// List lists all evidence about a digest by test, and for each test newest first,
// without reading any of it.
func List(ctx context.Context, s store.Store, digest string) ([]Entry, error) {
	hex, err := intoto.Hex(digest)
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	return list(ctx, s, root+hex+"/")
}

// ListTest lists the evidence about a digest of one test, newest first, without
// reading any of it.
func ListTest(ctx context.Context, s store.Store, digest, test string) ([]Entry, error) {
	hex, err := intoto.Hex(digest)
	if err == nil {
		err = CheckTest(test)
	}
	if err != nil {
		return nil, fmt.Errorf("list evidence: %w", err)
	}
	return list(ctx, s, root+hex+"/"+test+"/")
}

func list(ctx context.Context, s store.Store, prefix string) ([]Entry, error) {
	var entries []Entry
	for key, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		entry, err := ParseKey(key)
		if err != nil {
			return nil, filed.Damaged(s, key, err)
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		if by := strings.Compare(a.Test, b.Test); by != 0 {
			return by
		}
		return strings.Compare(b.Key, a.Key) // the time is what differs first
	})
	return entries, nil
}

// Bundle reads the entry's bundle; nobody has verified who signed it.
func (e Entry) Bundle(ctx context.Context, s store.Store) ([]byte, error) {
	return filed.Open(ctx, s, e.Key, e.Sum)
}

// Verified is a result that an accepted signer signed.
type Verified struct {
	Result
	Signer string   `json:"signer"`          // ID of the key
	Name   string   `json:"name,omitempty"`  // what the configuration calls the signer
	Key    string   `json:"key"`             // in the store
	Notes  []string `json:"notes,omitempty"` // newer statements that did not count, and why
}

// Open reads and verifies an entry. A signer who is not accepted is a
// signing.ErrUnknownKey, a key past its end a signing.ErrExpiredKey, and what does not
// fit its name a *DamagedError.
func (e Entry) Open(ctx context.Context, s store.Store, signers []signing.Verifier) (*Verified, error) {
	bundle, err := e.Bundle(ctx, s)
	if err != nil {
		return nil, err
	}
	found, err := Verify(ctx, bundle, signers)
	if errors.Is(err, signing.ErrUnknownKey) {
		return nil, err
	}
	if found == nil {
		return nil, filed.Damaged(s, e.Key, err)
	}
	if unfit := e.fits(found.Result); unfit != nil {
		return nil, filed.Damaged(s, e.Key, unfit)
	}
	if err != nil { // the key's end
		return nil, err
	}
	found.Key = e.Key
	return found, nil
}

// Verify reads a bundle that one of the signers signed, wherever it lies. Beside an
// ErrExpiredKey it returns what the statement says.
func Verify(ctx context.Context, bundle []byte, signers []signing.Verifier) (*Verified, error) {
	statement, by, err := signing.Verify(ctx, bundle, signers...)
	if err != nil {
		return nil, err
	}
	result, err := Parse(statement)
	if err != nil {
		return nil, err
	}
	id, err := signing.KeyID(by.Public())
	if err != nil {
		return nil, err
	}
	return &Verified{Result: result, Signer: id, Name: by.Name}, by.CheckDate(result.Finished)
}

// fits says why a statement is not what its name says.
func (e Entry) fits(r Result) error {
	isSubject := func(s Subject) bool { return s.Digest == e.Digest }
	switch {
	case !slices.ContainsFunc(r.Subjects, isSubject):
		return fmt.Errorf("it is about %s, not about %s", r.Subjects[0].Digest, e.Digest)
	case r.Test != e.Test:
		return fmt.Errorf("it is about the test %s, not about %s", r.Test, e.Test)
	case !r.Finished.Equal(e.Finished):
		return fmt.Errorf("the test ended at %s, not at %s", r.Finished.Format(time.RFC3339), e.Finished.Format(time.RFC3339))
	}
	return nil
}
