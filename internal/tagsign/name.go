package tagsign

import (
	"fmt"
	"regexp"
)

var versionName = regexp.MustCompile(`^(v(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*))(-test)?$`)

// ParseName reads the name of a tag that asks for a promotion: vX.Y.Z, or vX.Y.Z-test for
// a version that is tried and not yet released. One version has one name: no leading
// zeros, nothing before or after.
func ParseName(tag string) (version string, test bool, err error) {
	m := versionName.FindStringSubmatch(tag)
	if m == nil {
		return "", false, fmt.Errorf("tag %q names no version; write vX.Y.Z or vX.Y.Z-test, without leading zeros", tag)
	}
	return m[1], m[2] != "", nil
}
