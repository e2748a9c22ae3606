package promotecmd

import (
	"archive/tar"
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/version"
)

// packages pushes an image with packages, on a base that all such images share, and puts
// its digest into a variable: packages PATH VARIABLE NAME=VERSION...
func packages(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: packages PATH VARIABLE NAME=VERSION...")
	}
	text := ""
	for _, arg := range args[2:] {
		name, version, _ := strings.Cut(arg, "=")
		text += "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + version + "\n\n"
	}
	made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: v1.Time{Time: time.Unix(1_700_000_000, 0)},
		RootFS: v1.RootFS{Type: "layers"}, Config: v1.Config{Labels: map[string]string{"variable": args[1]}},
	})
	ts.Check(err)
	made, err = mutate.AppendLayers(made, tarLayer(ts, "etc/hello", "hello"), tarLayer(ts, "var/lib/dpkg/status", text))
	ts.Check(err)
	digest, err := made.Digest()
	ts.Check(err)
	ref, err := name.NewDigest(ts.Getenv("REGISTRY") + "/" + args[0] + "@" + digest.String())
	ts.Check(err)
	ts.Check(remote.Write(ref, made))
	ts.Setenv(args[1], digest.String())
}

func tarLayer(ts *testscript.TestScript, path, text string) v1.Layer {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	ts.Check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path, Size: int64(len(text)), Mode: 0o644}))
	_, err := w.Write([]byte(text))
	ts.Check(err)
	ts.Check(w.Close())
	return static.NewLayer(out.Bytes(), types.OCIUncompressedLayer)
}

// blob stores a text in a folder, and puts its digest into a variable: blob FOLDER VARIABLE TEXT.
func blob(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: blob FOLDER VARIABLE TEXT")
	}
	put(ts, args[0], args[1], []byte(args[2]))
}

func put(ts *testscript.TestScript, dir, variable string, data []byte) string {
	s, err := folder.New(ts.MkAbs(dir))
	ts.Check(err)
	digest, _, err := store.PutBlob(context.Background(), s, bytes.NewReader(data))
	ts.Check(err)
	ts.Setenv(variable, "sha256:"+digest)
	return "sha256:" + digest
}

// released stores a release of packages for one target, and puts its document's digest
// into a variable: released FOLDER VARIABLE VERSION NAME=TEXT...
func released(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: released FOLDER VARIABLE VERSION NAME=TEXT...")
	}
	v, err := version.Parse(args[2])
	ts.Check(err)
	target := release.Target{Name: "deb12", Commit: "c0ffee"}
	for _, arg := range args[3:] {
		name, text, _ := strings.Cut(arg, "=")
		target.Artifacts = append(target.Artifacts, release.Artifact{
			Name: name + "_" + args[2] + "_amd64.deb", Kind: release.KindPackage,
			Digest: put(ts, args[0], args[1], []byte(text)), Size: int64(len(text)),
			Package: &release.Package{Name: name, Version: args[2], Arch: "amd64"},
		})
	}
	data, err := store.MarshalJSON(release.Release{
		Schema: release.Schema, Repository: release.Repository{Org: "org", Name: "hello"},
		Commit: "c0ffee", Version: v, Targets: []release.Target{target},
	})
	ts.Check(err)
	put(ts, args[0], args[1], data)
}
