package build

import "slipway.dev/slipway/packagebuild"

func (r run) attest(packages []packagebuild.Package, out string) ([]File, error) { return nil, nil }
