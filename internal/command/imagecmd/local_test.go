package imagecmd

import (
	"testing"

	"slipway.dev/slipway/internal/cli"
)

// Outside of a checkout no image is one of a tree: jobs there name foreign ones only.
func TestLocalOutsideOfCheckouts(t *testing.T) {
	t.Chdir(t.TempDir())
	local, err := OpenLocal(t.Context(), cli.Env{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := local.Names(t.Context())
	if err != nil || len(names) > 0 {
		t.Errorf("the images are %v, %v", names, err)
	}
	loaded, err := local.Load(t.Context(), nil)
	if err != nil || len(loaded) > 0 {
		t.Errorf("loaded %v, %v", loaded, err)
	}
}
