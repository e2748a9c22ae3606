// Package storetest is the suite that every driver of the store passes.
//
// It asks for what store.Store promises and nothing more, of a real backend each:
// a folder, and servers of S3 and Google Cloud Storage (package server).
package storetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/store"
)

// Run tests the driver whose stores newStore opens. Each is to be empty.
func Run(t *testing.T, newStore func(t *testing.T) store.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, store.Store)
	}{
		{"create", testCreate},
		{"create failing body", testFailingBody},
		{"create large", testLarge},
		{"create racing", testRacingCreators},
		{"keys", testKeys},
		{"not found", testNotFound},
		{"list", testList},
		{"list pages", testListPages},
		{"swap", testSwap},
		{"swap racing", testRacingSwaps},
		{"blob", testBlob},
		{"blob corrupt", testCorruptBlob},
		{"json", testJSON},
		{"cancelled", testCancelled},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, newStore(t)) })
	}
}

// deadline ends a test whose store hangs.
const deadline = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

func testCreate(t *testing.T, s store.Store) {
	ctx := testContext(t)
	for key, content := range map[string]string{"empty": "", "releases/a/release.json": "first"} {
		create(t, s, key, content)
		create(t, s, key, content) // the same bytes: no conflict
		err := s.Create(ctx, key, strings.NewReader("others"))
		wantConflict(t, err, key, content, "others")
		if got := read(t, s, key); got != content {
			t.Errorf("after the conflict %s holds %q, want %q", key, got, content)
		}
		info, err := s.Stat(ctx, key)
		if err != nil || info.Size != int64(len(content)) {
			t.Errorf("Stat(%s) = %+v, %v; want size %d", key, info, err, len(content))
		}
		if age := time.Since(info.Modified); age < -time.Minute || age > time.Minute {
			t.Errorf("Stat(%s) says it was made at %v", key, info.Modified)
		}
	}
}

func wantConflict(t *testing.T, err error, key, have, want string) {
	t.Helper()
	var conflict *store.ConflictError
	if !errors.Is(err, store.ErrConflict) || !errors.As(err, &conflict) {
		t.Fatalf("create of other bytes under %s: got error %v, want a conflict", key, err)
	}
	got := store.ConflictError{Key: conflict.Key, Have: conflict.Have, Want: conflict.Want}
	if diff := cmp.Diff(store.ConflictError{Key: key, Have: digest(t, have), Want: digest(t, want)}, got); diff != "" {
		t.Errorf("conflict differs (-want +got):\n%s", diff)
	}
}

// testFailingBody breaks off a create in the middle: nothing may be there afterwards.
func testFailingBody(t *testing.T, s store.Store) {
	broken := errors.New("the disk broke")
	err := s.Create(testContext(t), "half", &failingBody{Reader: bytes.NewReader(make([]byte, 1<<20)), at: 1 << 19, err: broken})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	wantAbsent(t, s, "half")
	create(t, s, "half", "whole")
}

// failingBody fails with err after at bytes.
type failingBody struct {
	*bytes.Reader
	at  int64
	err error
}

func (b *failingBody) Read(p []byte) (int, error) {
	pos := b.Size() - int64(b.Len())
	if pos >= b.at {
		return 0, b.err
	}
	return b.Reader.Read(p[:min(int64(len(p)), b.at-pos)])
}

// WriteTo would get around Read.
func (b *failingBody) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{b}) }

// testLarge is larger than what any driver sends in one piece.
func testLarge(t *testing.T, s store.Store) {
	content := strings.Repeat("0123456789abcdef", 37<<16) // 37 MiB
	create(t, s, "large", content)
	create(t, s, "large", content)
	if got := read(t, s, "large"); got != content {
		t.Errorf("got %d other bytes back, want %d", len(got), len(content))
	}
	changed := content[:len(content)-1] + "!"
	wantConflict(t, s.Create(testContext(t), "large", strings.NewReader(changed)), "large", content, changed)
}

func testKeys(t *testing.T, s store.Store) {
	ctx := testContext(t)
	for _, key := range []string{"plain", "a b+c~%41:é#?&=;*'\"<>|$", "deb/hello_1:20261121.00-g1+deb12_amd64.deb", "-", strings.Repeat("e/", 40) + "deep", strings.Repeat("x", 255)} {
		create(t, s, key, key)
		if got := read(t, s, key); got != key {
			t.Errorf("%s holds %q", key, got)
		}
	}
	for _, key := range badKeys {
		_, open := s.Open(ctx, key)
		_, stat := s.Stat(ctx, key)
		_, _, read := s.Read(ctx, key)
		_, swap := s.Swap(ctx, key, store.Absent, nil)
		create := s.Create(ctx, key, strings.NewReader("x"))
		for method, err := range map[string]error{"Open": open, "Stat": stat, "Read": read, "Swap": swap, "Create": create} {
			if err == nil || !strings.Contains(err.Error(), "bad key") {
				t.Errorf("%s(%q): got error %v, want a bad key", method, key, err)
			}
		}
	}
	for _, err := range s.List(ctx, "../") {
		if err == nil || !strings.Contains(err.Error(), "bad key") {
			t.Errorf("List(../): got error %v, want a bad key", err)
		}
	}
}

var badKeys = []string{"", "/etc/passwd", "..", "../x", "a/../../x", "a/./b", "a//b", "a/", ".tmp/x", ".hidden", "a\x00b", "a\nb", "a\x7f", "\xff", strings.Repeat("x", 256), strings.Repeat("x/", 500) + "x"}

func testNotFound(t *testing.T, s store.Store) {
	wantAbsent(t, s, "nothing")
	create(t, s, "folder/object", "x")
	wantAbsent(t, s, "folder")
	wantAbsent(t, s, "folder/nothing")
	wantAbsent(t, s, "folder/object/below")
}

func wantAbsent(t *testing.T, s store.Store, key string) {
	t.Helper()
	ctx := testContext(t)
	_, open := s.Open(ctx, key)
	_, stat := s.Stat(ctx, key)
	_, generation, read := s.Read(ctx, key)
	for method, err := range map[string]error{"Open": open, "Stat": stat, "Read": read} {
		if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), key) {
			t.Errorf("%s(%s): got error %v, want ErrNotFound that names the key", method, key, err)
		}
	}
	if generation != store.Absent {
		t.Errorf("Read(%s) has generation %q, want Absent", key, generation)
	}
}

func testJSON(t *testing.T, s store.Store) {
	ctx := testContext(t)
	type release struct {
		Version string `json:"version"`
		URL     string `json:"url"`
	}
	want := release{Version: "20261121.00", URL: "https://example.com/?a=1&b=<2>"}
	for range 2 {
		if err := store.CreateJSON(ctx, s, "release.json", want); err != nil {
			t.Fatal(err)
		}
	}
	text := "{\n  \"version\": \"20261121.00\",\n  \"url\": \"https://example.com/?a=1&b=<2>\"\n}\n"
	if diff := cmp.Diff(text, read(t, s, "release.json")); diff != "" {
		t.Errorf("JSON differs (-want +got):\n%s", diff)
	}
	var got release
	if err := store.ReadJSON(ctx, s, "release.json", &got); err != nil || got != want {
		t.Errorf("ReadJSON = %+v, %v; want %+v", got, err, want)
	}
}

func testCancelled(t *testing.T, s store.Store) {
	create(t, s, "there", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, open := s.Open(ctx, "there")
	_, stat := s.Stat(ctx, "there")
	create := s.Create(ctx, "new", strings.NewReader("x"))
	for method, err := range map[string]error{"Open": open, "Stat": stat, "Create": create} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got error %v, want %v", method, err, context.Canceled)
		}
	}
	wantAbsent(t, s, "new")
}

func create(t *testing.T, s store.Store, key, content string) {
	t.Helper()
	if err := s.Create(testContext(t), key, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s store.Store, key string) string {
	t.Helper()
	body, err := s.Open(testContext(t), key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func digest(t *testing.T, content string) string {
	t.Helper()
	sum, _, err := store.Digest(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
