package storetest

import (
	"errors"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storetest/server"
)

// RunRefused expects that each call fails with an error that names the object's
// URL and the cure, and tells no password.
func RunRefused(t *testing.T, s store.Store, cure string) {
	t.Helper()
	ctx := testContext(t)
	_, open := s.Open(ctx, "key")
	_, stat := s.Stat(ctx, "key")
	_, _, read := s.Read(ctx, "key")
	_, swap := s.Swap(ctx, "key", store.Absent, []byte("x"))
	var list error
	for _, err := range s.List(ctx, "") {
		list = err
	}
	for method, err := range map[string]error{
		"Open": open, "Stat": stat, "Read": read, "Swap": swap, "List": list,
		"Create": s.Create(ctx, "key", strings.NewReader("x")),
	} {
		switch {
		case err == nil || !strings.Contains(err.Error(), cure) || !strings.Contains(err.Error(), s.URL("")):
			t.Errorf("%s: got error %v, want one that names %s and says %q", method, err, s.URL(""), cure)
		case errors.Is(err, store.ErrNotFound):
			t.Errorf("%s: error %v passes for a key that is not there", method, err)
		case strings.Contains(err.Error(), server.Password), strings.Contains(err.Error(), "wrong-secret"):
			t.Errorf("%s: error %v tells a password", method, err)
		}
	}
}
