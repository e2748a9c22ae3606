package plan

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// Day is a day of the calendar in UTC, written as in 2027-02-28.
type Day struct{ time.Time }

// UnmarshalYAML reads a day.
func (d *Day) UnmarshalYAML(node *yaml.Node) error {
	t, err := time.Parse(time.DateOnly, node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is no day; write it as in 2027-02-28", node.Line, node.Value)
	}
	d.Time = t
	return nil
}

// String is the day as it is written.
func (d Day) String() string { return d.Format(time.DateOnly) }

// dayOf is the day of a time.
func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
