package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/aside"
	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/attest"
)

// attest writes each package's SBOM, and the target's provenance and lock.
func (r run) attest(ctx context.Context, packages []packagebuild.Package, out string) ([]File, error) {
	b := attest.Build{Request: r.req, GoVersion: r.room.goVersion, Builder: r.ID}
	for _, p := range r.room.packages {
		b.Root = append(b.Root, attest.Dependency(p))
	}
	var files []File
	var artifacts []attest.Artifact
	for _, pkg := range packages {
		artifact, err := attest.Describe(pkg)
		if err != nil {
			return nil, err
		}
		artifacts = append(artifacts, artifact)
		sbom, err := r.sbom(ctx, b, artifact)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", artifact.FileName(), err)
		}
		file, err := write(out, artifact.FileName()+".spdx.json", release.KindSBOM, sbom)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	statement, err := attest.Provenance(b, artifacts)
	if err != nil {
		return nil, err
	}
	provenance, err := write(out, r.req.Target.Name+".provenance.json", release.KindProvenance, statement)
	if err != nil {
		return nil, err
	}
	lock := File{Path: filepath.Join(out, r.req.Target.Name+".lock.json"), Kind: release.KindLock}
	return append(files, provenance, lock), attest.Lock(lock.Path, b.Root)
}

// sbom writes an artifact's SBOM with its files unpacked beside it.
func (r run) sbom(ctx context.Context, b attest.Build, artifact attest.Artifact) (sbom []byte, err error) {
	dir, err := os.MkdirTemp(r.Work, "unpack-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tree, err := r.unpack(ctx, artifact.Package, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	artifact.Contents = attest.Unpacked(tree)
	return attest.SBOM(b, artifact)
}

func write(out, name string, kind release.Kind, content []byte) (File, error) {
	file := File{Path: filepath.Join(out, name), Kind: kind}
	return file, aside.Create(file.Path, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}
