package build

import (
	"context"

	"slipway.dev/slipway/internal/release"
	"slipway.dev/slipway/packagebuild"
)

// describe lists what was built, with each package's SBOM and the target's
// provenance, lock and lint report.
func (r run) describe(ctx context.Context, packages []packagebuild.Package, out string) (Result, error) {
	result := Result{Target: r.req.Target.Name, Root: r.room.description, Notes: r.plan.Notes}
	for _, pkg := range packages {
		kind := release.KindPackage
		if pkg.Source {
			kind = release.KindSource
		}
		result.Files = append(result.Files, File{Path: pkg.Path, Kind: kind, Package: &pkg})
	}
	documents, err := r.attest(ctx, packages, out)
	if err != nil {
		return Result{}, err
	}
	result.Files = append(result.Files, documents...)
	if r.Lint {
		report, err := r.lint(ctx, packages)
		if err != nil {
			return Result{}, err
		}
		if report != "" {
			result.Files = append(result.Files, File{Path: report, Kind: release.KindReport})
		}
	}
	return result, nil
}
