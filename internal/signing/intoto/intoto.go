// Package intoto reads and writes in-toto statements, each in one form only.
//
// What is signed must mean one thing to everybody who reads it. JSON lets a name
// stand twice, in any case, beside others that nobody knows, and each parser chooses
// for itself. So a statement is read only if writing it again gives the same bytes.
package intoto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const statementType = "https://in-toto.io/Statement/v1"

// Statement says something about subjects: what, is the predicate.
type Statement[P any] struct {
	Type          string    `json:"_type"`
	Subject       []Subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     P         `json:"predicate"`
}

// Subject is something that a statement is about.
type Subject struct {
	Name   string `json:"name"`
	Digest Digest `json:"digest"`
}

// Digest is a set of digests in hex, with the one that we use.
type Digest struct {
	SHA256 string `json:"sha256"`
}

// New makes a statement of a predicate's type.
func New[P any](predicateType string, predicate P, subjects ...Subject) Statement[P] {
	return Statement[P]{statementType, subjects, predicateType, predicate}
}

// Marshal writes a statement.
func (s Statement[P]) Marshal() ([]byte, error) {
	if err := s.check(s.PredicateType); err != nil {
		return nil, fmt.Errorf("write statement: %w", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return nil, fmt.Errorf("write statement: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// Unmarshal reads a statement that Marshal wrote, of a predicate's type.
func Unmarshal[P any](data []byte, predicateType string) (Statement[P], error) {
	var s Statement[P]
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read statement: %w", err)
	}
	if err := s.check(predicateType); err != nil {
		return s, fmt.Errorf("read statement: %w", err)
	}
	again, err := s.Marshal()
	if err != nil {
		return s, err
	}
	if !bytes.Equal(again, data) {
		return s, errors.New("read statement: it holds what we do not know, or is written in another way than ours")
	}
	return s, nil
}

func (s Statement[P]) check(predicateType string) error {
	switch {
	case s.Type != statementType:
		return fmt.Errorf("it is a %q instead of a %s", s.Type, statementType)
	case s.PredicateType != predicateType:
		return fmt.Errorf("its predicate is a %q instead of a %s", s.PredicateType, predicateType)
	case len(s.Subject) == 0:
		return errors.New("it has no subject")
	}
	seen := map[Digest]bool{}
	for _, subject := range s.Subject {
		switch {
		case subject.Name == "":
			return errors.New("a subject has no name")
		case !hexDigest.MatchString(subject.Digest.SHA256):
			return fmt.Errorf("subject %s has the digest %q, which is no sha256 in hex", subject.Name, subject.Digest.SHA256)
		case seen[subject.Digest]:
			return fmt.Errorf("subject %s has the digest of another", subject.Name)
		}
		seen[subject.Digest] = true
	}
	return nil
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Hex is the hex of a digest that is written sha256:HEX.
func Hex(digest string) (string, error) {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || !hexDigest.MatchString(hex) {
		return "", fmt.Errorf("%q is no digest; write sha256: and 64 hex digits in lower case", digest)
	}
	return hex, nil
}

// Has says whether a digest in hex is among the subjects.
func (s Statement[P]) Has(hex string) bool {
	for _, subject := range s.Subject {
		if subject.Digest.SHA256 == hex {
			return true
		}
	}
	return false
}
