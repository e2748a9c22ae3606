package chatops

import (
	"maps"
	"strings"

	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/testkit/github"
)

// Channels is the configuration of this world, with DIR for where its disks are. The
// way of a disk is next → testing, on one approval, → stable, on two.
const Channels = `signers:
  ci:      {key: keys/ci.pub}
  chatops: {key: keys/chatops.pub}
people:
  maintainer-one: [maintainer-one@example.com]
channels:
  disk:
  - name: next
    gate: {tests: [{name: unit, signers: [ci]}]}
  - name: testing
    from: next
    order: held
    gate:
      tests: [{name: boot, signers: [ci]}]
      approvals: {count: 1, signers: [chatops], path: config/approvers/testing}
  - name: stable
    from: testing
    gate:
      tests: [{name: boot, signers: [ci]}]
      approvals: {count: 2, signers: [chatops], path: config/approvers/stable}
artifacts:
- {name: hello-disk, kind: file, location: DIR/disks, channels: disk}
`

// files are the configuration repository's: OWNERS of the root own everything but the
// two folders that name their own.
func (w *World) files() map[string]string {
	files := map[string]string{
		"OWNERS":                          "approvers: [maintainer-one]\n",
		"OWNERS_ALIASES":                  "aliases:\n  testers: [maintainer-one, maintainer-two]\n  releasers: [maintainer-two, maintainer-three, maintainer-four]\n  managers: [maintainer-four]\n",
		"config/approvers/testing/OWNERS": "options: {no_parent_owners: true}\napprovers: [testers]\n",
		"config/approvers/stable/OWNERS":  "options: {no_parent_owners: true}\napprovers: [releasers]\n",
		"config/channels.yaml":            Channels,
	}
	maps.Copy(files, w.Files)
	for name, key := range w.keys {
		pem, err := signing.MarshalPublic(key.Public())
		if err == nil {
			files["config/keys/"+name+".pub"] = string(pem)
		}
	}
	files["config/channels.yaml"] = strings.ReplaceAll(files["config/channels.yaml"], "DIR", w.Dir)
	return files
}

// Maintainers and others, all with a token of LOGIN-token.
var (
	maintainers = []string{"maintainer-one", "maintainer-two", "maintainer-three", "maintainer-four"}
	members     = append([]string{"contributor", Robot}, maintainers...)
	strangers   = []string{"stranger", "ghost", "some-app[bot]"}
)

func (w *World) openGitHub() (err error) {
	if w.GitHub, err = github.NewServer(github.Config{Error: w.Error, Log: w.Log, Dir: w.in("git"), Now: w.Now, RateLimit: 1 << 30}); err != nil {
		return err
	}
	people := map[string]string{}
	for _, login := range members {
		w.GitHub.AddUser(login, login+"-token")
		people[login] = "write"
	}
	for _, login := range w.People {
		w.GitHub.AddUser(login, login+"-token")
		people[login] = "write"
	}
	for _, login := range strangers {
		w.GitHub.AddUser(login, login+"-token")
	}
	w.GitHub.AddMembers(Org, append(w.People, members...)...)
	w.GitHub.AddMembers(ConfigOrg, members...)
	if w.Config, err = w.GitHub.AddRepo(ConfigOrg, Config, github.Options{GitDir: w.in("git/" + ConfigOrg + "/" + Config), Collaborators: people}); err != nil {
		return err
	}
	if w.Guest, err = w.GitHub.AddRepo(Org, Guest, github.Options{Collaborators: people}); err != nil {
		return err
	}
	if _, err := w.Guest.PushAs("maintainer-one", "main", "Begin", map[string]string{"README": "A guest.\n"}); err != nil {
		return err
	}
	return w.Configure(nil)
}

// Configure merges files into the configuration repository's main branch, with DIR for
// the world's folder.
func (w *World) Configure(files map[string]string) error {
	all := w.files()
	for name, text := range files {
		all[name] = strings.ReplaceAll(text, "DIR", w.Dir)
	}
	_, err := w.Config.PushAs("maintainer-one", "main", "Configure", all)
	return err
}

// KeyFile is where the private key of a signer, ci or chatops, lies.
func (w *World) KeyFile(name string) string { return w.in(name + ".key") }

func (w *World) makeKeys(names ...string) error {
	for _, name := range names {
		private, err := signing.Generate()
		if err != nil {
			return err
		}
		pem, err := signing.MarshalPrivate(private, nil)
		if err != nil {
			return err
		}
		if err := write(w.KeyFile(name), string(pem)); err != nil {
			return err
		}
		if w.keys[name], err = signing.NewSigner(private); err != nil {
			return err
		}
	}
	return nil
}
