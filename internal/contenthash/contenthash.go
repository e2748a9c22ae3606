// Package contenthash names a set of files by what is in them.
//
// A sum covers each file's path, kind, executable bit and bytes, and nothing
// else: not owners, not times, not permissions beyond that bit, not the order in
// which a directory lists. Two sets have one sum only if they are equal: every
// value is hashed behind its length, so that no name and no content can pass for
// another.
package contenthash

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// Kind is what a file is.
type Kind string

// The kinds that git can track.
const (
	Regular Kind = "file"
	Symlink Kind = "symlink"
	Gitlink Kind = "gitlink" // a submodule: a commit of another repository
)

// Digest is the sha256 of a file's bytes, a symlink's text or a submodule's commit.
type Digest [sha256.Size]byte

// DigestOf is the digest of data.
func DigestOf(data []byte) Digest { return sha256.Sum256(data) }

// File is all that a sum covers of one file.
type File struct {
	Path       string // with slashes
	Kind       Kind
	Executable bool // only a regular file is
	Digest     Digest
}

// Sum collects records; String names them.
type Sum struct{ hash hash.Hash }

// New begins a sum. The format says what is collected and how; a change of either
// needs another format, so that no old sum names new content.
func New(format string) *Sum {
	s := &Sum{sha256.New()}
	s.Add(format)
	return s
}

// Add adds one record. Records count in the order in which they are added.
func (s *Sum) Add(values ...string) {
	s.number(len(values))
	for _, value := range values {
		s.number(len(value))
		s.hash.Write([]byte(value))
	}
}

func (s *Sum) number(n int) {
	s.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// Files adds a set of files, whose order does not count, under a name.
func (s *Sum) Files(name string, files []File) {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	s.Add(name)
	s.number(len(sorted))
	for _, f := range sorted {
		mode := "plain"
		if f.Executable {
			mode = "executable"
		}
		s.Add(f.Path, string(f.Kind), mode, string(f.Digest[:]))
	}
}

// String is the sum of what was added so far: 64 hexadecimal digits.
func (s *Sum) String() string { return hex.EncodeToString(s.hash.Sum(nil)) }
