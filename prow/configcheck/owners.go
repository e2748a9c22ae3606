package configcheck

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/repoowners"
)

// owners are who the checkout's OWNERS files name.
type owners struct {
	aliases repoowners.RepoAliases
	logins  map[string]bool           // everybody whom an OWNERS or an alias names
	files   map[string]ownersOfFolder // by folder, "." is the root
}

type ownersOfFolder struct {
	approvers []string
	alone     bool // approvers of the folders above do not count
}

const (
	ownersFile  = "OWNERS"
	aliasesFile = "OWNERS_ALIASES"
)

func loadOwners(checkout string) (owners, error) {
	o := owners{logins: map[string]bool{}, files: map[string]ownersOfFolder{}}
	data, err := os.ReadFile(filepath.Join(checkout, aliasesFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, err
	}
	if o.aliases, err = repoowners.ParseAliasesConfig(data); err != nil {
		return o, err
	}
	for login := range o.aliases.ExpandAllAliases() {
		o.logins[login] = true
	}
	if err := o.read(checkout, "."); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, err
	}
	for _, folder := range []string{"config", "jobs"} {
		if err := o.walk(checkout, folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return o, err
		}
	}
	return o, nil
}

// walk reads the OWNERS files in and below a folder.
func (o owners) walk(checkout, folder string) error {
	return filepath.WalkDir(filepath.Join(checkout, folder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != ownersFile {
			return err
		}
		relative, err := filepath.Rel(checkout, filepath.Dir(path))
		if err != nil {
			return err
		}
		return o.read(checkout, filepath.ToSlash(relative))
	})
}

func (o owners) read(checkout, folder string) error {
	data, err := os.ReadFile(filepath.Join(checkout, folder, ownersFile))
	if err != nil {
		return err
	}
	file, err := repoowners.LoadSimpleConfig(data)
	if err != nil {
		return err
	}
	approvers := o.people(file.Approvers)
	o.files[folder] = ownersOfFolder{approvers, file.Options.NoParentOwners}
	for _, login := range append(approvers, o.people(file.Reviewers)...) {
		o.logins[login] = true
	}
	return nil
}

// people are the logins that names stand for, each once, sorted.
func (o owners) people(names []string) []string {
	var logins []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		if members, ok := o.aliases[github.NormLogin(name)]; ok {
			logins = append(logins, members.UnsortedList()...)
		} else if name != "" {
			logins = append(logins, github.NormLogin(name))
		}
	}
	slices.Sort(logins)
	return slices.Compact(logins)
}

// knows says whether name is an alias that has members, or a login of anybody here.
func (o owners) knows(name string) bool {
	members, ok := o.aliases[github.NormLogin(name)]
	return ok && len(members) > 0 || o.logins[github.NormLogin(name)]
}
