package folder_test

import (
	"path/filepath"
	"testing"

	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/store/storetest"
)

func TestSuite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return newStore(t, filepath.Join(t.TempDir(), "store")) })
}

func newStore(t *testing.T, dir string) *folder.Store {
	t.Helper()
	s, err := folder.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
