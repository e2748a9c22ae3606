package version

import "fmt"

// CheckPackage says whether v is a version that packages may have: a release's,
// or a presubmit's.
func CheckPackage(v string) error {
	if presubmitForm.MatchString(v) {
		return nil
	}
	if _, err := Parse(v); err != nil {
		return fmt.Errorf("version %q is neither YYYYMMDD.NN nor 0~prNUMBER.SHA: %w", v, err)
	}
	return nil
}
