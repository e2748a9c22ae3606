package debian

import (
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// PackagesFolder is where a context has an image's packages, with a program install
// that installs them:
//
//	RUN --mount=type=bind,source=debs,target=/debs ["/debs/install"]
const PackagesFolder = "debs"

//go:embed install
var install []byte

// writePackages puts the packages and their install program into dir.
func (a Archive) writePackages(lock Lock, packages []Package, dir string) error {
	if err := a.place(packages, dir); err != nil {
		return err
	}
	epoch := strconv.FormatInt(lock.Snapshot.Unix(), 10) + "\n"
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "source-date-epoch"), []byte(epoch), 0o644),
		os.WriteFile(filepath.Join(dir, "install"), install, 0o755))
}
