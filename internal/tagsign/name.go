package tagsign

import (
	"fmt"
	"regexp"
)

// Name is what a tag's name asks for.
type Name struct {
	Version string // as in v1.2.3
	Test    bool   // the name ends in -test: the version is tried, not released
}

var versionName = regexp.MustCompile(`^(v(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*))(-test)?$`)

// ParseName reads vX.Y.Z and vX.Y.Z-test. One version has one name: no leading zeros,
// nothing before or after.
func ParseName(tag string) (Name, error) {
	m := versionName.FindStringSubmatch(tag)
	if m == nil {
		return Name{}, fmt.Errorf("tag %q names no version; write vX.Y.Z or vX.Y.Z-test, without leading zeros", tag)
	}
	return Name{Version: m[1], Test: m[2] != ""}, nil
}
