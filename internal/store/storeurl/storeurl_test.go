package storeurl_test

import (
	"strings"
	"testing"

	"slipway.dev/slipway/internal/store/storeurl"
)

func TestOpen(t *testing.T) {
	t.Setenv("STORAGE_EMULATOR_HOST", "127.0.0.1:1")
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{
		"/srv/store":          "file:///srv/store/key",
		"/srv/a b":            "file:///srv/a%20b/key",
		"file:///srv/a%20b":   "file:///srv/a%20b/key",
		"gs://bucket":         "gs://bucket/key",
		"gs://bucket/":        "gs://bucket/key",
		"gs://bucket/some/p/": "gs://bucket/some/p/key",
		"s3://bucket/p":       "s3://bucket/p/key",
	} {
		s, err := storeurl.Open(t.Context(), name)
		if err != nil {
			t.Errorf("Open(%s): %v", name, err)
		} else if got := s.URL("key"); got != want {
			t.Errorf("Open(%s) has its key at %s, want %s", name, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"":                          "a folder, gs://",
		"http://server/bucket":      "a folder, gs://",
		"gs://":                     "names no bucket",
		"s3:///prefix":              "names no bucket",
		"gs://bucket/../other":      "an element that is ..",
		"s3://bucket//x":            "an empty element",
		"s3://key:pass-word@bucket": "holds credentials",
		"file://srv/store":          "three slashes",
	} {
		_, err := storeurl.Open(t.Context(), name)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "pass-word") {
			t.Errorf("Open(%q): got error %v, want one that says %q and no password", name, err, want)
		}
	}
}
