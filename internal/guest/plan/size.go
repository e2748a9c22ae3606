package plan

import (
	"fmt"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Size is a number of bytes, written with Ki, Mi, Gi or Ti, as in 1Gi.
type Size int64

var sizePattern = regexp.MustCompile(`^([1-9]\d{0,8})([KMGT])i$`)

var shifts = map[string]uint{"K": 10, "M": 20, "G": 30, "T": 40}

// ParseSize reads a size.
func ParseSize(text string) (Size, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no size; write it as in 512Mi or 2Gi", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if shift := shifts[m[2]]; err == nil && n<<shift>>shift == n {
		return Size(n << shift), nil
	}
	return 0, fmt.Errorf("%q is too large", text)
}

// UnmarshalYAML reads a size.
func (s *Size) UnmarshalYAML(node *yaml.Node) error {
	size, err := ParseSize(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*s = size
	return nil
}

// String is the size as a plan has it.
func (s Size) String() string {
	for _, unit := range []string{"T", "G", "M", "K"} {
		if one := Size(1) << shifts[unit]; s >= one && s%one == 0 {
			return fmt.Sprintf("%d%si", s/one, unit)
		}
	}
	return fmt.Sprintf("%d bytes", int64(s))
}
