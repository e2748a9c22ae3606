package release

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/aside"
	"slipway.dev/slipway/internal/store"
)

// Download writes an artifact's bytes into folder under its name. They are
// checked against the digest before the file gets its name; a file of that name
// that is there already is left alone if it has the same bytes, and is an error
// if not.
func Download(ctx context.Context, s store.Store, a Artifact, folder string) error {
	if err := a.download(ctx, s, folder); err != nil {
		return fmt.Errorf("download %s: %w", a.Name, err)
	}
	return nil
}

func (a Artifact) download(ctx context.Context, s store.Store, folder string) error {
	if a.Name != filepath.Base(a.Name) || a.Name == "." || a.Name == ".." {
		return fmt.Errorf("the release names a file outside its folder")
	}
	path := filepath.Join(folder, a.Name)
	if same, err := a.isAt(path); same || err != nil {
		return err
	}
	body, err := store.OpenBlob(ctx, s, a.hex())
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	return aside.Create(path, func(w io.Writer) error {
		_, err := io.Copy(w, body)
		return err
	})
}

// isAt says whether path has the artifact's bytes; other bytes are an error.
func (a Artifact) isAt(path string) (bool, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	digest, _, err := store.Digest(f)
	if err == nil && digest != a.hex() {
		err = fmt.Errorf("%s exists with other bytes; remove it, or download into another folder", path)
	}
	return err == nil, err
}

func (a Artifact) hex() string { return strings.TrimPrefix(a.Digest, "sha256:") }
