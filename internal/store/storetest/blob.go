package storetest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/store"
)

func testBlob(t *testing.T, s store.Store) {
	ctx := testContext(t)
	const content = "the package"
	path := filepath.Join(t.TempDir(), "hello.deb")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for range 2 {
		name, size, err := store.PutBlob(ctx, s, file)
		if err != nil || name != digest(t, content) || size != int64(len(content)) {
			t.Fatalf("PutBlob = %s, %d, %v; want %s, %d", name, size, err, digest(t, content), len(content))
		}
	}
	got, err := readBlob(t, s, digest(t, content))
	if err != nil || got != content {
		t.Errorf("blob holds %q, %v; want %q", got, err, content)
	}
	if _, err := readBlob(t, s, digest(t, "nothing")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("got error %v, want ErrNotFound", err)
	}
	if _, err := store.OpenBlob(ctx, s, "../../etc/passwd"); err == nil {
		t.Error("OpenBlob took a path for a digest")
	}
	testChangingFile(t, s)
}

// testChangingFile writes to a file between its first and its second reading.
func testChangingFile(t *testing.T, s store.Store) {
	for change, after := range map[string]string{"flipped": "the bytez", "longer": "the bytes!", "shorter": "the byte"} {
		body := &changingBody{Reader: strings.NewReader("the bytes"), after: after}
		if _, _, err := store.PutBlob(testContext(t), s, body); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: got error %v, want one that says that the file changed", change, err)
		}
		wantAbsent(t, s, store.BlobKey(digest(t, "the bytes")))
	}
}

// changingBody has other bytes when it is read again.
type changingBody struct {
	*strings.Reader
	after string
	read  bool
}

func (b *changingBody) Seek(offset int64, whence int) (int64, error) {
	if b.read {
		b.Reader = strings.NewReader(b.after)
	}
	return b.Reader.Seek(offset, whence)
}

func (b *changingBody) Read(p []byte) (int, error) {
	b.read = true
	return b.Reader.Read(p)
}

func (b *changingBody) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}

// testCorruptBlob puts other bytes under a digest, as a broken disk would.
func testCorruptBlob(t *testing.T, s store.Store) {
	const content, flipped = "the package", "the pacjage"
	create(t, s, store.BlobKey(digest(t, content)), flipped)
	if got, err := readBlob(t, s, digest(t, content)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("one flipped byte: got %q, %v; want ErrCorrupt", got, err)
	}
	const short = "short"
	create(t, s, store.BlobKey(digest(t, short)), "shor")
	if _, _, err := store.PutBlob(testContext(t), s, strings.NewReader(short)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("put over a blob cut short: got error %v, want ErrCorrupt", err)
	}
}

func readBlob(t *testing.T, s store.Store, digest string) (string, error) {
	t.Helper()
	body, err := store.OpenBlob(testContext(t), s, digest)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	return string(data), err
}
