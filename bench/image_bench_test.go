package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/image"
	"slipway.dev/slipway/internal/image/build"
	"slipway.dev/slipway/internal/podman"
	"slipway.dev/slipway/internal/testkit/need"
)

// presentImages is how many images BenchmarkImageLoad finds present.
const presentImages = 20

// BenchmarkImageLoad loads images that are all here, with make as people do, and
// looks each of them up with podman image inspect, in turn, and tells the ratio of
// the medians. The starts of make and slipway count.
func BenchmarkImageLoad(b *testing.B) {
	need.Tool(b, "podman", "podman")
	need.Tool(b, "make", "make")
	engine, err := podman.New(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	checkout, canonical := imageTree(b)
	load := []string{
		"make", "--no-print-directory", "-C", "..", "load-all-images",
		"IMAGE_FLAGS=--checkout " + checkout + " --canonical " + canonical,
	}
	runWith(b, engine, load...)
	names := localNames(b, checkout, canonical)
	b.Cleanup(func() {
		for _, name := range names {
			runWith(b, engine, "podman", "rmi", name, name[:strings.LastIndex(name, ":")]+":latest")
		}
	})
	var loads, loop []time.Duration
	for b.Loop() {
		loads = append(loads, timed(func() { runWith(b, engine, load...) }))
		loop = append(loop, timed(func() {
			for _, name := range names {
				runWith(b, engine, "podman", "image", "inspect", name)
			}
		}))
	}
	b.ReportMetric(milliseconds(median(loads)), "ms/make-load-all-images")
	b.ReportMetric(milliseconds(median(loop)), "ms/podman-image-inspect")
	b.ReportMetric(float64(median(loads))/float64(median(loop)), "ratio")
	b.ReportMetric(0, "ns/op") // of both together says nothing
}

// imageTree makes a checkout of tiny images with a canonical prefix of its own.
func imageTree(b *testing.B) (checkout, canonical string) {
	b.Helper()
	checkout = b.TempDir()
	for i := range presentImages {
		folder := filepath.Join(checkout, "images", fmt.Sprintf("image-%02d", i))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			b.Fatal(err)
		}
		text := fmt.Sprintf("FROM scratch\nLABEL number=%d\n", i)
		if err := os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}} {
		if err := exec.Run(context.Background(), exec.Cmd{Args: append([]string{"git"}, args...), Dir: checkout}); err != nil {
			b.Fatal(err)
		}
	}
	return checkout, "slipway.test/" + strings.ToLower(rand.Text()[:10])
}

// localNames are what podman calls the images of a tree.
func localNames(b *testing.B, checkout, canonical string) []string {
	b.Helper()
	tree, err := image.Open(context.Background(), image.Config{Checkout: checkout, Canonical: canonical})
	if err != nil {
		b.Fatal(err)
	}
	var names []string
	for _, img := range tree.Images() {
		tag, err := tree.Tag(img.Name)
		if err != nil {
			b.Fatal(err)
		}
		names = append(names, build.Name(canonical, img.Name, tag, runtime.GOARCH))
	}
	return names
}

// BenchmarkImageNames lists the images of this repository, and tells the tag of the
// one that compiles most in; the start of slipway counts.
func BenchmarkImageNames(b *testing.B) {
	program := filepath.Join(b.TempDir(), "slipway")
	if err := exec.Run(context.Background(), exec.Cmd{Args: []string{"go", "build", "-trimpath", "-o", program, "../cmd/slipway"}}); err != nil {
		b.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
	}{
		{"list", []string{"list"}},
		{"tag", []string{"tag", "daisy-builder"}},
	}
	for _, test := range tests {
		b.Run(test.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				took = append(took, timed(func() {
					if _, err := exec.Output(context.Background(), exec.Cmd{Args: append([]string{program, "image"}, test.args...)}); err != nil {
						b.Fatal(err)
					}
				}))
			}
			b.ReportMetric(milliseconds(median(took)), "ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func runWith(b *testing.B, engine *podman.Podman, args ...string) {
	b.Helper()
	if _, err := exec.Output(context.Background(), exec.Cmd{Args: args, Env: engine.Environment()}); err != nil {
		b.Fatal(err)
	}
}
