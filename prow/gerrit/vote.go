package gerrit

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	gogerrit "github.com/andygrunwald/go-gerrit"
)

// Vote is what starts a job: this value of a label, or a higher one.
type Vote struct {
	Label string
	Value int
}

// written is a vote as people write it: Trybot-Ready+1. A vote against a change starts nothing.
var written = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9-]*)\+([1-9][0-9]?)$`)

// ParseVote reads a vote such as Code-Review+2.
func ParseVote(text string) (Vote, error) {
	parts := written.FindStringSubmatch(text)
	if parts == nil {
		return Vote{}, fmt.Errorf("read vote %q: write a label of Gerrit and a value above zero, as in Code-Review+2", text)
	}
	value, err := strconv.Atoi(parts[2])
	return Vote{Label: parts[1], Value: value}, err
}

func (v Vote) String() string { return fmt.Sprintf("%s+%d", v.Label, v.Value) }

// on says whether somebody gave the vote to the current patch set: Gerrit tells of no
// other patch set's votes. A vote that it copied from the one before counts as it does there.
func (v Vote) on(change gogerrit.ChangeInfo) bool {
	return slices.ContainsFunc(change.Labels[v.Label].All, func(given gogerrit.ApprovalInfo) bool {
		return given.Value >= v.Value
	})
}
