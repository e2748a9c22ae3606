package retention

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// sum is a digest in 32 bytes: a hundred thousand of them have to fit in little memory.
type sum [sha256.Size]byte

const algorithm = "sha256:"

func parseSum(digest string) (s sum, err error) {
	text, ok := strings.CutPrefix(digest, algorithm)
	if !ok || len(text) != hex.EncodedLen(len(s)) {
		return s, fmt.Errorf("%q is no sha256 digest", digest)
	}
	if _, err := hex.Decode(s[:], []byte(text)); err != nil {
		return s, fmt.Errorf("%q is no sha256 digest", digest)
	}
	return s, nil
}

func (s sum) compare(other sum) int { return bytes.Compare(s[:], other[:]) }

func (s sum) String() string { return algorithm + hex.EncodeToString(s[:]) }

// MarshalText and UnmarshalText give it the form that a digest has everywhere.
func (s sum) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *sum) UnmarshalText(text []byte) (err error) {
	*s, err = parseSum(string(text))
	return err
}

// attached is a tag that belongs to the manifest whose digest it spells: the fallback
// tag of the referrers API, and cosign's signatures, attestations and SBOMs.
var attached = regexp.MustCompile(`^sha256-([0-9a-f]{64})(\.[a-z]+)?$`)

// attachedTo is the digest that a tag spells.
func attachedTo(tag string) (sum, bool) {
	match := attached.FindStringSubmatch(tag)
	if match == nil {
		return sum{}, false
	}
	s, err := parseSum(algorithm + match[1])
	return s, err == nil
}
