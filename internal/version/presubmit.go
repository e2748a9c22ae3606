package version

import (
	"fmt"
	"regexp"
)

// shortHash is how much of a commit's hash a presubmit's version shows.
const shortHash = 12

var presubmitForm = regexp.MustCompile(`^0~pr([0-9]+)\.([0-9a-f]+)$`)

// Presubmit is the version of packages built for a pull request: 0~prNUMBER.SHA.
// The tilde sorts it below every release in dpkg and rpm.
func Presubmit(pull int, sha string) string {
	return fmt.Sprintf("0~pr%d.%s", pull, sha[:min(len(sha), shortHash)])
}

// Goo is v as GooGet spells it. That format knows no tilde, so a presubmit's
// version becomes 0.0.NUMBER+SHA; others stay as they are.
func Goo(v string) string {
	return presubmitForm.ReplaceAllString(v, "0.0.${1}+${2}")
}
