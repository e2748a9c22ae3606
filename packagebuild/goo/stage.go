package goo

import (
	"path/filepath"

	"slipway.dev/slipway/packagebuild"
)

// Stage copies the repository, without git's own files, to dir/src, and the
// extra source beside it under its own name, where build scripts look for it.
// All times become the commit's.
func (Format) Stage(req packagebuild.Request, _ packagebuild.Plan, dir string) error {
	if err := checkExtra(req.Source.Extra); err != nil {
		return err
	}
	if err := stageTree(req.Source, filepath.Join(dir, sourceName)); err != nil {
		return err
	}
	if req.Source.Extra == nil {
		return nil
	}
	return stageTree(*req.Source.Extra, filepath.Join(dir, req.Source.Extra.Name()))
}

func stageTree(source packagebuild.Source, dst string) error {
	return packagebuild.CopyTree(source.Dir, dst, source.Time, packagebuild.SkipVCS)
}
