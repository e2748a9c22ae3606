package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"slipway.dev/slipway/internal/exec"
)

const pauseImage = "slipway.dev/test/pause:1"

// loadPause makes the image that holds pods' namespaces, and loads it as soon as
// containerd answers.
func (c *Cluster) loadPause(ctx context.Context) error {
	program, archive := c.in("pause"), c.in("pause.tar")
	_, err := exec.Output(ctx, exec.Cmd{
		Args: []string{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "slipway.dev/slipway/internal/testkit/cluster/pause"},
		Env:  append(os.Environ(), "CGO_ENABLED=0"),
	})
	if err != nil {
		return err
	}
	if err := WriteImage(archive, pauseImage, map[string]string{"pause": program}, "/pause"); err != nil {
		return err
	}
	for {
		err := c.importImage(ctx, archive)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if ended := c.ended(); ended != nil {
			return ended
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// WriteImage writes an archive of an image that has nothing but executable files,
// by their paths, and starts with entrypoint.
func WriteImage(archive, image string, files map[string]string, entrypoint ...string) error {
	tag, err := name.NewTag(image)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := writeFiles(&content, files); err != nil {
		return fmt.Errorf("write image %s: %w", image, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
	if err != nil {
		return err
	}
	made, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := made.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: entrypoint, Env: []string{"PATH=/bin"}}
	if made, err = mutate.ConfigFile(made, config); err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, made)
}

// writeFiles writes a layer of executable files and the folders that they lie in.
func writeFiles(w io.Writer, files map[string]string) error {
	archive := tar.NewWriter(w)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(files[path])
		if err != nil {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o755, Size: int64(len(content))}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return archive.Close()
}
