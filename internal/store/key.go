package store

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The limits of the strictest driver: a cloud's key, and a file's name.
const (
	maxKey     = 900 // bytes; S3 and GCS allow 1024, with the store's own prefix
	maxElement = 255 // bytes
)

// CheckKey says why key cannot name an object in any store: elements joined by
// single slashes, in UTF-8, none of them "." or "..", the first not hidden (the
// folder driver keeps its own files there), and no control characters.
func CheckKey(key string) error {
	if key == "" {
		return fmt.Errorf("bad key %q: empty", key)
	}
	return check(key, key)
}

// CheckPrefix says why prefix cannot start a key. It may be empty, end in a
// slash, or end inside an element.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return check(prefix, strings.TrimSuffix(prefix, "/"))
}

func check(whole, key string) error {
	if reason := flaw(key); reason != "" {
		return fmt.Errorf("bad key %q: %s", whole, reason)
	}
	return nil
}

func flaw(key string) string {
	switch {
	case len(key) > maxKey:
		return fmt.Sprintf("longer than %d bytes", maxKey)
	case !utf8.ValidString(key):
		return "not UTF-8"
	case strings.ContainsFunc(key, unicode.IsControl):
		return "a control character in it"
	}
	for element := range strings.SplitSeq(key, "/") {
		switch {
		case element == "":
			return "an empty element (a slash at the start or end, or two in a row)"
		case element == "." || element == "..":
			return "an element that is " + element
		case len(element) > maxElement:
			return fmt.Sprintf("an element longer than %d bytes", maxElement)
		}
	}
	if strings.HasPrefix(key, ".") {
		return "the first element is hidden"
	}
	return ""
}
