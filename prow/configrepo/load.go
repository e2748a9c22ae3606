package configrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"

	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/git/v2"
	"sigs.k8s.io/prow/pkg/plugins/ownersconfig"
	"sigs.k8s.io/prow/pkg/repoowners"

	"slipway.dev/slipway/internal/channel"
)

// content is what the files of one commit say.
type content struct {
	commit   string
	channels *channel.Config
	owners   repoowners.RepoOwner
	aliases  repoowners.RepoAliases
	paths    sets.Set[string] // every file and folder
}

// load reads a commit from a clone of its own.
func (r *Repo) load(commit string) (c *content, err error) {
	clone, err := r.Git.ClientFor(r.Org, r.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, clone.Clean()) }()
	if err := clone.Checkout(commit); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(clone.Directory()) // no link of the repository leads out of it
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	c = &content{commit: commit}
	if c.aliases, err = aliases(root); err != nil {
		return nil, err
	}
	if c.paths, err = walk(root); err != nil {
		return nil, err
	}
	if c.channels, err = r.parseChannels(root); err != nil {
		return nil, fmt.Errorf("%s: %w", r.Channels, err)
	}
	if c.owners, err = r.owners(clone, commit); err != nil {
		return nil, err
	}
	if r.Log != nil {
		r.Log.WithField("commit", commit).Infof("Read %s and OWNERS.", r.Channels)
	}
	return c, nil
}

func (r *Repo) parseChannels(root *os.Root) (*channel.Config, error) {
	data, err := root.ReadFile(r.Channels)
	if err != nil {
		return nil, err
	}
	return channel.Parse(data, func(name string) ([]byte, error) {
		return root.ReadFile(path.Join(path.Dir(r.Channels), name))
	})
}

// owners are read by Prow's own code. The commit stands for the branch, which may
// have moved since; each client reads one commit, and is given the clone that there is.
func (r *Repo) owners(clone git.RepoClient, commit string) (repoowners.RepoOwner, error) {
	no := func(string, string) bool { return false }
	yes := func(string, string) bool { return true } // Read has asked for the collaborators, and heeds an error
	denied := func() *config.OwnersDirDenylist { return &config.OwnersDirDenylist{} }
	client := repoowners.NewClient(already{r.Git, clone}, nil, no, yes, denied, ownersconfig.FakeResolver)
	return client.LoadRepoOwnersSha(r.Org, r.Name, commit, commit, false)
}

// already is a factory that gives a clone which there is already, and which its owner removes.
type already struct {
	git.ClientFactory
	clone git.RepoClient
}

func (a already) ClientFor(string, string) (git.RepoClient, error) { return kept{a.clone}, nil }

type kept struct{ git.RepoClient }

func (kept) Clean() error { return nil }

// walk lists every path, and checks each OWNERS file on the way.
func walk(root *os.Root) (sets.Set[string], error) {
	paths := sets.New[string]()
	err := fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == ".git" {
			return fs.SkipDir
		}
		paths.Insert(name)
		if entry.Name() != ownersconfig.DefaultOwnersFile || entry.IsDir() {
			return nil
		}
		if err := checkOwners(root, name, entry); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	return paths, err
}

// checkOwners refuses what Prow passes over without a word.
func checkOwners(root *os.Root, name string, entry fs.DirEntry) error {
	if !entry.Type().IsRegular() {
		return errors.New("it is no regular file, and Prow would not read it")
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return err
	}
	simple, simpleErr := repoowners.LoadSimpleConfig(data)
	if simpleErr == nil && !simple.Empty() {
		return nil
	}
	full, err := repoowners.LoadFullConfig(data)
	if err != nil {
		return err
	}
	if simpleErr != nil && len(full.Filters) == 0 {
		return simpleErr
	}
	for pattern := range full.Filters {
		if _, err := regexp.Compile(pattern); err != nil {
			return err
		}
	}
	return nil
}

// aliases reads OWNERS_ALIASES. An alias that names another is refused: Prow expands
// once, and would take the inner one's name for a login that anybody may register.
func aliases(root *os.Root) (repoowners.RepoAliases, error) {
	data, err := root.ReadFile(ownersconfig.DefaultOwnersAliasesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	groups, err := repoowners.ParseAliasesConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ownersconfig.DefaultOwnersAliasesFile, err)
	}
	for alias, members := range groups {
		for member := range members {
			if _, nested := groups[member]; nested {
				return nil, fmt.Errorf("%s: alias %s names the alias %s; name the people", ownersconfig.DefaultOwnersAliasesFile, alias, member)
			}
		}
	}
	return groups, nil
}
