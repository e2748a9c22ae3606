package daisybuilder

import (
	"context"
	"fmt"
	"os"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/internal/version"
	"slipway.dev/slipway/packagebuild"
	"slipway.dev/slipway/packagebuild/build"
)

// Local is the executor that builds on this machine.
type Local struct {
	Builder  *build.Builder
	Folder   string                 // what is built lies below it until it is uploaded
	Requests []packagebuild.Request // one a target; the version is filled in
}

// Build builds one target in a folder of its own.
func (l *Local) Build(ctx context.Context, target string, v version.Version) (Built, error) {
	req, err := l.request(target, v)
	if err != nil {
		return Built{}, err
	}
	out, err := os.MkdirTemp(l.Folder, "out-"+target+"-")
	if err != nil {
		return Built{}, fmt.Errorf("make a folder for packages: %w", err)
	}
	result, err := l.Builder.Build(ctx, req, out)
	if err != nil {
		return Built{}, err
	}
	built := Built{Root: result.Root, Notes: result.Notes}
	for _, f := range result.Files {
		built.Artifacts = append(built.Artifacts, asFile(f))
	}
	return built, nil
}

func (l *Local) request(target string, v version.Version) (packagebuild.Request, error) {
	for _, req := range l.Requests {
		if req.Target.Name == target {
			req.Version = v.String()
			return req, nil
		}
	}
	return packagebuild.Request{}, fmt.Errorf("no request for target %s", target)
}

func asFile(f build.File) File {
	file := File{Path: f.Path, Kind: f.Kind}
	if p := f.Package; p != nil {
		file.Package = &release.Package{Name: p.Name, Version: p.Version, Arch: p.Arch}
	}
	return file
}
