// Package store is the object store that holds releases, evidence, the ledger
// and job artifacts: one interface, with a driver each for a folder, gs:// and s3://.
//
// Nothing in a store is overwritten. An object is created if it is absent, whole
// or not at all, and the same key with other bytes is a conflict. The exceptions
// are served pointers (InRelease, repomd.xml), which change by compare-and-swap.
// The drivers live in packages of their own and are opened by storeurl, so that
// who only speaks this interface links no cloud's SDK.
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Store holds objects under keys such as releases/org/repo/20261121.00/release.json
// (CheckKey has the rules). Its methods are safe for concurrent use, also by
// other processes on other machines. Their errors name the key and the store,
// never a credential, and say what to do where a person can do something.
type Store interface {
	// Create stores the bytes of body, from its start to its end, under key.
	// If the key holds the same bytes already, that is success: whoever died
	// after an upload just does it again. If it holds other bytes, they stay, and
	// the error is a *ConflictError. A reader sees the whole object or none, even
	// if the writer is killed. Body is read more than once where a retry or a
	// comparison needs it.
	Create(ctx context.Context, key string, body io.ReadSeeker) error

	// Open reads an object from its start. The reader fails where the content
	// is cut short, and ends with ctx. The error is ErrNotFound if there is none.
	Open(ctx context.Context, key string) (io.ReadCloser, error)

	// Stat says whether an object is there (ErrNotFound if not), and how large.
	Stat(ctx context.Context, key string) (Info, error)

	// List yields the keys that start with prefix, sorted by their bytes, until
	// the first error. The prefix may end inside an element; empty lists all.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]

	// URL is where a person finds the object.
	URL(key string) string

	Pointers
}

// Pointers are the few small objects that may change: served pointers. A key is
// either a pointer for good, or an object that Create made.
type Pointers interface {
	// Read returns a pointer's bytes and the generation that they are. The
	// error is ErrNotFound, beside the generation Absent, if there is none.
	Read(ctx context.Context, key string) ([]byte, Generation, error)

	// Swap replaces the pointer's bytes if it is still at the generation old,
	// and returns the new one; old is Absent for a pointer that must not exist
	// yet. If somebody else was faster, nothing changes and the error is
	// ErrStale: read again, decide again. After any other error the pointer may
	// be at either; read again too.
	Swap(ctx context.Context, key string, old Generation, data []byte) (Generation, error)
}

// Info is what a store says of an object without reading it.
type Info struct {
	Size     int64     // bytes
	Modified time.Time // when it was created, or the pointer last swapped, by the store's clock
}

// Generation names one state of a pointer, for Swap. It is opaque. Drivers may
// give the same generation to the same bytes when they return.
type Generation string

// Absent is the generation of a pointer that does not exist.
const Absent Generation = ""

var (
	// ErrNotFound is a key that holds nothing.
	ErrNotFound = errors.New("not found")
	// ErrConflict is a key that holds other bytes already; see ConflictError.
	ErrConflict = errors.New("the store holds other bytes under this name")
	// ErrStale is a pointer that changed since it was read.
	ErrStale = errors.New("changed since it was read")
	// ErrCorrupt is an object whose bytes are not those that its name promises.
	ErrCorrupt = errors.New("corrupt")
)

// ConflictError is a Create of bytes that differ from what the key holds. What
// it holds stays. It is an ErrConflict.
type ConflictError struct {
	Key  string
	URL  string // where a person finds what is there
	Have string // sha256 of what is there, in hex
	Want string // sha256 of what was to be created, in hex
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("create %s: %v: %s has sha256 %s, not %s; nothing was overwritten", e.Key, ErrConflict, e.URL, e.Have, e.Want)
}

func (e *ConflictError) Unwrap() error { return ErrConflict }
