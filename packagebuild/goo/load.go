package goo

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"slipway.dev/slipway/internal/version"
	"slipway.dev/slipway/packagebuild"
)

// load reads the goospecs of the sources that fit the target, in the order of
// their names, stamped with the commit. Notes name those that do not fit.
func load(req packagebuild.Request) (specs []*Spec, notes []string, err error) {
	if err := checkExtra(req.Source.Extra); err != nil {
		return nil, nil, err
	}
	all, err := readSpecs(req)
	if err != nil {
		return nil, nil, err
	}
	for _, spec := range all {
		if !fits(spec.Package.Arch, req.Target) {
			notes = append(notes, fmt.Sprintf("%s is left out: %s is not for %s", spec.Path, spec.Package.Arch, req.Target.Arch))
			continue
		}
		if err := prepare(spec, req); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", spec.Path, err)
		}
		specs = append(specs, spec)
	}
	if len(specs) == 0 {
		return nil, nil, fmt.Errorf("no goospec fits target %s: %s", req.Target.Name, strings.Join(notes, "; "))
	}
	return specs, notes, checkFileNames(specs)
}

func prepare(spec *Spec, req packagebuild.Request) error {
	if err := checkVersion(&spec.Package, version.Goo(req.Version)); err != nil {
		return err
	}
	return spec.Package.stamp(cmp.Or(req.Source.CommitURL, req.Source.Commit))
}

func checkFileNames(specs []*Spec) error {
	owners := map[string]string{}
	for _, spec := range specs {
		name := fold(spec.Package.FileName())
		if other, taken := owners[name]; taken {
			return fmt.Errorf("%s and %s would both write %s; give one another name", other, spec.Path, spec.Package.FileName())
		}
		owners[name] = spec.Path
	}
	return nil
}

func readSpecs(req packagebuild.Request) ([]*Spec, error) {
	t, err := openSource(req.Source)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	entries, err := t.names(specFolder)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("look for goospecs: %w", err)
	}
	var specs []*Spec
	var problems []error
	for _, e := range entries {
		if path.Ext(e.Name()) != specSuffix {
			continue
		}
		spec, err := readSpec(t, path.Join(specFolder, e.Name()), req.Version)
		specs, problems = append(specs, spec), append(problems, err)
	}
	if len(specs) == 0 {
		return nil, packagebuild.NoPackaging(req.Source, specFolder+"/*"+specSuffix)
	}
	return specs, errors.Join(problems...)
}

func readSpec(t *tree, name, wanted string) (*Spec, error) {
	file, _, err := t.open(name)
	if err != nil {
		return nil, fmt.Errorf("read goospec: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSpec+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return ParseSpec(path.Join(t.base, name), text, version.Goo(wanted))
}
