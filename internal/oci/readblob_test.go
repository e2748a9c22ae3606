package oci

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slipway.dev/slipway/internal/testkit/registry"
)

// firstLayer pushes an image and returns its first layer's descriptor.
func firstLayer(t *testing.T, c *Client, repository string) v1.Descriptor {
	t.Helper()
	m, err := c.Manifest(t.Context(), repository, pushImage(t, repository))
	if err != nil {
		t.Fatal(err)
	}
	var image v1.Manifest
	if err := json.Unmarshal(m.Raw, &image); err != nil {
		t.Fatal(err)
	}
	return image.Layers[0]
}

func TestReadBlob(t *testing.T) {
	each(t, func(t *testing.T, kind registry.Kind) {
		c, repository := quick(t), registry.Start(t, kind).Host+"/a"
		layer := firstLayer(t, c, repository)
		var got string
		err := c.ReadBlob(t.Context(), repository, layer.Digest.String(), layer.Size, func(r io.Reader) error {
			raw, err := io.ReadAll(r)
			got = sum(raw)
			return err
		})
		if err != nil || got != layer.Digest.String() {
			t.Errorf("read bytes of %s, %v, want %s", got, err, layer.Digest)
		}
	})
}

// Who reads only the beginning, or gives up, still learns that the bytes are wrong.
func TestReadBlobVerifiesWhatIsLeft(t *testing.T) {
	c := quick(t)
	proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	layer := firstLayer(t, c, proxy.Host+"/a")
	givesUp := errors.New("this is no tar")
	tests := map[string]func(io.Reader) error{
		"nothing read": func(io.Reader) error { return nil },
		"a beginning":  func(r io.Reader) error { _, err := io.CopyN(io.Discard, r, 10); return err },
		"given up":     func(io.Reader) error { return givesUp },
		"error hidden": func(r io.Reader) error { _, _ = io.Copy(io.Discard, r); return nil },
	}
	for name, read := range tests {
		for _, fault := range []registry.Fault{registry.WrongBytes, registry.Truncate} {
			proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{fault}, Match: isBlob})
			err := c.ReadBlob(t.Context(), proxy.Host+"/a", layer.Digest.String(), layer.Size, read)
			if err == nil || errors.Is(err, givesUp) || !strings.Contains(err.Error(), "registry "+proxy.Host) {
				t.Errorf("%s, %s: got error %v", name, fault, err)
			}
		}
	}
	proxy.Break(registry.Breakage{})
	err := c.ReadBlob(t.Context(), proxy.Host+"/a", layer.Digest.String(), layer.Size, func(io.Reader) error { return givesUp })
	if !errors.Is(err, givesUp) {
		t.Errorf("right bytes that are given up: got error %v", err)
	}
}

// What breaks in passing is read again, from the start.
func TestReadBlobAgain(t *testing.T) {
	c := quick(t)
	proxy := registry.NewProxy(t, registry.Start(t, registry.InProcess).Host)
	layer := firstLayer(t, c, proxy.Host+"/a")
	proxy.Break(registry.Breakage{Share: 1, Faults: []registry.Fault{registry.Truncate}, Match: isBlob})
	times := 0
	err := c.ReadBlob(t.Context(), proxy.Host+"/a", layer.Digest.String(), layer.Size, func(r io.Reader) error {
		if times++; times == 2 {
			proxy.Break(registry.Breakage{})
		}
		raw, err := io.ReadAll(r)
		if err == nil && sum(raw) != layer.Digest.String() {
			t.Errorf("was given %d wrong bytes", len(raw))
		}
		return err
	})
	if err != nil || times != 3 {
		t.Errorf("read %d times, %v, want 3", times, err)
	}
}

func TestReadBlobRefuses(t *testing.T) {
	c, repository := quick(t), registry.Start(t, registry.InProcess).Host+"/a"
	layer := firstLayer(t, c, repository)
	tests := map[string]struct {
		digest string
		size   int64
	}{
		"no digest":     {"latest", 1},
		"no size":       {layer.Digest.String(), 0},
		"smaller size":  {layer.Digest.String(), layer.Size - 1},
		"larger size":   {layer.Digest.String(), layer.Size + 1},
		"absent digest": {"sha256:" + strings.Repeat("0", 64), 1},
	}
	for name, tt := range tests {
		if err := c.ReadBlob(t.Context(), repository, tt.digest, tt.size, func(io.Reader) error { return nil }); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
