package configrepo

import (
	"io/fs"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/prow/pkg/github"

	"slipway.dev/slipway/internal/channel"
)

// Snapshot is what one commit says. It does not change.
type Snapshot struct {
	Commit   string
	Channels *channel.Config

	content *content
	people  sets.Set[string]
}

// Approves says whether OWNERS make a login an approver of a path, a file or folder
// of the repository, as Prow's approve plugin understands them.
func (s *Snapshot) Approves(path, login string) bool {
	return s.approvers(path).Has(github.NormLogin(login))
}

// Approvers are all approvers of a path, sorted; none where there is no such path.
func (s *Snapshot) Approvers(path string) []string { return sets.List(s.approvers(path)) }

func (s *Snapshot) approvers(path string) sets.Set[string] {
	if !fs.ValidPath(path) || !s.content.paths.Has(path) {
		return nil
	}
	return s.content.owners.Approvers(path).Set().Intersection(s.people)
}

// Member says whether a login is of a group, which is an alias of OWNERS_ALIASES.
func (s *Snapshot) Member(group, login string) bool {
	login = github.NormLogin(login)
	return s.content.aliases.ExpandAlias(group).Has(login) && s.people.Has(login)
}

// Has says whether the repository has a file or folder.
func (s *Snapshot) Has(path string) bool { return s.content.paths.Has(path) }
