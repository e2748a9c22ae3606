package container

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// TestFetch opens what lies elsewhere, once, and makes a disk of it, once.
func TestFetch(t *testing.T) {
	need.Root(t)
	need.Tool(t, "debugfs", "e2fsprogs")
	plain := archive(t, map[string]string{"sbin/init": "init", "etc/a": "a", "etc/link": "->a"})
	inside := archive(t, map[string]string{"metadata.yaml": "x", "rootfs/sbin/init": "init", "rootfs/etc/a": "a", "rootfs/etc/link": "->a"})
	for name, data := range map[string][]byte{"tar": plain, "LXD": inside} {
		t.Run(name, func(t *testing.T) {
			cache := Cache{Folder: filepath.Join(t.TempDir(), "roots")}
			sum := sha256.Sum256(data)
			fetched := 0
			var before os.FileInfo
			for range 2 {
				o, err := cache.Fetch(t.Context(), "guest/live", "sha256:"+hex.EncodeToString(sum[:]), func(_ context.Context, to io.Writer) error {
					fetched++
					_, err := io.Copy(to, bytes.NewReader(data))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				defer o.Close()
				if text, err := os.ReadFile(filepath.Join(o.Tree, "etc/a")); err != nil || string(text) != "a" || o.Init != "/sbin/init" {
					t.Errorf("%q, %v, init %s", text, err, o.Init)
				}
				disk, err := cache.Disk(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				checkDisk(t, disk)
				after, err := os.Stat(disk)
				if err != nil || before != nil && !os.SameFile(before, after) {
					t.Errorf("the disk was made again: %v", err)
				}
				before = after
			}
			if fetched != 1 {
				t.Errorf("it was fetched %d times", fetched)
			}
			if left, _ := filepath.Glob(cache.Folder + "/*"); len(left) != 1 {
				t.Errorf("the cache has %q", left)
			}
		})
	}
}

// checkDisk reads a file system as its own tools do.
func checkDisk(t *testing.T, disk string) {
	t.Helper()
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"debugfs", "-R", "cat /etc/a", disk}})
	if err != nil || string(out) != "a" {
		t.Errorf("/etc/a on the disk is %q, %v", out, err)
	}
	out, err = exec.Output(t.Context(), exec.Cmd{Args: []string{"debugfs", "-R", "stat /etc/link", disk}})
	if err != nil || !strings.Contains(string(out), "User:     7   Group:     8") {
		t.Errorf("/etc/link on the disk is %q, %v", out, err)
	}
	if out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"e2fsck", "-fn", disk}}); err != nil {
		t.Errorf("%s: %v", out, err)
	}
}

// What cannot be fetched leaves nothing in the cache.
func TestFetchFails(t *testing.T) {
	need.Root(t)
	cache := Cache{Folder: filepath.Join(t.TempDir(), "roots")}
	broken := errors.New("wrong bytes")
	_, err := cache.Fetch(t.Context(), "guest/live", "sha256:"+strings.Repeat("0", 64), func(_ context.Context, to io.Writer) error {
		_, err := to.Write(archive(t, map[string]string{"sbin/init": "init"}))
		return errors.Join(err, broken)
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "guest/live") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(cache.Folder + "/*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if _, err := cache.Disk(t.Context(), &Opened{Root: Root{Name: "rootfs:x", Tree: t.TempDir()}}); err == nil {
		t.Error("a folder, which may change, is made a disk of")
	}
}

// TestOpenFromRegistry opens an image by its digest and by a tag.
func TestOpenFromRegistry(t *testing.T) {
	need.Root(t)
	server := httptest.NewServer(registry.New())
	defer server.Close()
	folder, digest := ociLayout(t, archive(t, map[string]string{"sbin/init": "init", "etc/a": "a"}))
	path, err := layout.FromPath(folder)
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	repository := strings.TrimPrefix(server.URL, "http://") + "/guest"
	tag, err := name.NewTag(repository + ":live")
	if err == nil {
		err = remote.Write(tag, image, remote.WithContext(t.Context()))
	}
	if err != nil {
		t.Fatal(err)
	}
	cache := Cache{Folder: filepath.Join(t.TempDir(), "roots"), Say: func(string) {}}
	for _, reference := range []string{repository + "@" + digest, repository + ":live"} {
		o, err := cache.Open(t.Context(), reference)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(o.Tree, "etc/a")); err != nil || string(text) != "a" || o.Digest != digest {
			t.Errorf("%s: %q, %v, %s", reference, text, err, o.Digest)
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := cache.Open(t.Context(), repository+"@sha256:"+strings.Repeat("0", 64)); err == nil {
		t.Error("a digest that the registry does not have is opened")
	}
}
