package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"slipway.dev/slipway/internal/store"
)

func testList(t *testing.T, s store.Store) {
	if got := list(t, s, ""); len(got) != 0 {
		t.Errorf("an empty store lists %q", got)
	}
	// Byte order: '-' and '.' before '/', upper case before lower.
	keys := []string{"Z", "a", "a-b", "a.b", "d/x", "d/x-1", "d/x.1", "d-e/x", "d/sub/x", "d/sub/y", "d0", "é"}
	for _, key := range keys {
		create(t, s, key, "x")
	}
	for _, prefix := range []string{"", "a", "d", "d/", "d/s", "d/sub", "d/sub/", "d/sub/x", "d/x", "é", "nothing", "nothing/at/all", "a/b"} {
		if diff := cmp.Diff(withPrefix(keys, prefix), list(t, s, prefix)); diff != "" {
			t.Errorf("List(%q) differs (-want +got):\n%s", prefix, diff)
		}
	}
	for _, err := range s.List(testContext(t), "") {
		if err != nil {
			t.Error(err)
		}
		break // a caller who has enough
	}
}

func withPrefix(keys []string, prefix string) []string {
	var some []string
	for _, key := range slices.Sorted(slices.Values(keys)) {
		if strings.HasPrefix(key, prefix) {
			some = append(some, key)
		}
	}
	return some
}

// testListPages lists more than one answer of a server holds.
func testListPages(t *testing.T, s store.Store) {
	const count = 1100
	ctx := testContext(t)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	var want []string
	for i := range count {
		key := fmt.Sprintf("pages/%04d", i)
		want = append(want, key)
		group.Go(func() error { return s.Create(ctx, key, strings.NewReader("x")) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, list(t, s, "pages/")); diff != "" {
		t.Errorf("list differs (-want +got):\n%s", diff)
	}
}

func list(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	var keys []string
	for key, err := range s.List(testContext(t), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return keys
}
