// Package channel is what config/channels.yaml says: artifacts, the channels that
// each moves through, the gates between them, and who may sign for what.
//
// A channel is a named pointer to a digest. Its full name is ARTIFACT/CHANNEL, as in
// hello-os/testing. The configuration is checked whole when it is loaded: whoever
// holds a Config holds one whose channels exist and end, whose gates require
// something and whose signers have keys.
package channel

import (
	"fmt"
	"strings"
	"time"

	"github.com/agext/levenshtein"
)

// Config is the whole of channels.yaml.
type Config struct {
	Signers    map[string]Signer    `json:"signers"`
	People     map[string][]string  `json:"people,omitempty"` // other names of an approver, such as the addresses of signing keys
	Channels   map[string][]Channel `json:"channels"`         // lists of channels, by a name that artifacts use
	Artifacts  []Artifact           `json:"artifacts"`
	Trains     []Train              `json:"trains,omitempty"`
	Registries map[string]Budget    `json:"registries,omitempty"` // by host
	Retention  []Rule               `json:"retention,omitempty"`

	byName map[string]int    // artifacts, for Artifact
	person map[string]string // a person's name by each of their names
}

// Signer is a name for public keys. Exactly one of the kinds is set.
type Signer struct {
	Key     string    `json:"key,omitempty"`     // file of a PEM public key: evidence, approvals
	OpenPGP string    `json:"openpgp,omitempty"` // file of armored public keys: signed tags
	SSH     string    `json:"ssh,omitempty"`     // allowed_signers file: signed tags
	Until   time.Time `json:"until,omitzero"`    // what is dated later is refused; a Key only

	Data []byte `json:"-"` // what the file holds
}

// SignsTags says whether the signer's keys are for git tags.
func (s Signer) SignsTags() bool { return s.Key == "" }

// Channel is one pointer of an artifact, and the gate in front of it.
type Channel struct {
	Name    string `json:"name"`
	From    string `json:"from,omitempty"`    // the channel that must hold a digest first; empty for the entry channel
	Order   string `json:"order,omitempty"`   // "held": it is enough that From held the digest once
	Version string `json:"version,omitempty"` // "required": a move also writes the tag vX.Y.Z, which never moves
	Gate    Gate   `json:"gate"`
}

// The one value of Channel.Version and of Channel.Order.
const (
	VersionRequired = "required"
	OrderHeld       = "held"
)

// Gate is what a channel requires of a digest. Its JSON form is part of a plan's hash.
type Gate struct {
	Tests     []Test     `json:"tests,omitempty"`
	Approvals *Approvals `json:"approvals,omitempty"`
	Soak      Duration   `json:"soak,omitempty"`   // how long the digest must have been in From
	Freeze    []Freeze   `json:"freeze,omitempty"` // when nothing moves
}

// Test is a test that must have passed on the very digest.
type Test struct {
	Name    string   `json:"name"`
	Signers []string `json:"signers"`         // whose evidence counts
	Fresh   Duration `json:"fresh,omitempty"` // how old the result may be; 0 is any age
	Disk    bool     `json:"disk,omitempty"`  // the result also names the disk made of the image; all such tests took the same disk
}

// Approvals is how many people must agree to a plan, and how they say it.
type Approvals struct {
	Count   int      `json:"count"`
	Signers []string `json:"signers,omitempty"` // whose signed approvals count, such as the chat-ops plugin's
	Tags    []string `json:"tags,omitempty"`    // whose signed git tags count
	// Path is in the configuration repository: whom its OWNERS name as approvers may
	// approve by comment, and push release tags.
	Path string `json:"path,omitempty"`
}

// Artifact is one thing that moves through channels, digest by digest.
type Artifact struct {
	Name      string            `json:"name"`
	Kind      Kind              `json:"kind"`
	Location  string            `json:"location"`            // HOST/PATH in a registry, or a store's URL
	Locations map[string]string `json:"locations,omitempty"` // of channels that lie elsewhere, by channel
	Channels  string            `json:"channels"`            // which list of Config.Channels
	// Repository is where the signed git tags are that approve: a URL that git can fetch.
	Repository string `json:"repository,omitempty"`
}

// Kind is what an artifact's digest names.
type Kind string

// The kinds.
const (
	Image   Kind = "image"   // a manifest or index in a registry
	File    Kind = "file"    // a blob in a store
	Release Kind = "release" // a release.json in a store, with the blobs that it names
)

// Train is a set of artifacts that move into a channel together or not at all.
type Train struct {
	Name      string   `json:"name"`
	Channel   string   `json:"channel"`
	Artifacts []string `json:"artifacts"`
}

// Budget is what one registry may be asked at a time.
type Budget struct {
	Parallel int     `json:"parallel,omitempty"` // requests at a time
	Rate     float64 `json:"rate,omitempty"`     // requests a second; 0 is no limit
}

// Rule says which tags of images retention may delete. Channels and versions are
// kept whatever it says.
type Rule struct {
	Artifacts []string `json:"artifacts"` // names, or patterns as of path.Match
	Tags      string   `json:"tags"`      // regular expression that a tag matches whole
	Keep      Keep     `json:"keep"`
	MaxShare  float64  `json:"maxShare,omitempty"` // part of a repository's manifests that may go in one run; 0 is half
}

// Keep is what a rule keeps. Either is enough to be kept.
type Keep struct {
	Last    int      `json:"last,omitempty"`    // this many, newest first
	Younger Duration `json:"younger,omitempty"` // by the ledger's or the release's time
}

// Full joins the parts of a channel's full name.
func Full(artifact, channel string) string { return artifact + "/" + channel }

// Split parts a full name at its last slash; ok is false if there is none.
func Split(full string) (artifact, channel string, ok bool) {
	i := strings.LastIndexByte(full, '/')
	if i <= 0 || i == len(full)-1 {
		return "", "", false
	}
	return full[:i], full[i+1:], true
}

// Artifact finds an artifact by name.
func (c *Config) Artifact(name string) (Artifact, bool) {
	i, ok := c.byName[name]
	if !ok {
		return Artifact{}, false
	}
	return c.Artifacts[i], true
}

// Of are an artifact's channels, entry first.
func (c *Config) Of(a Artifact) []Channel { return c.Channels[a.Channels] }

// At is where a channel of the artifact lies.
func (a Artifact) At(channel string) string {
	if at, ok := a.Locations[channel]; ok {
		return at
	}
	return a.Location
}

// Person is one name for all names of an approver.
func (c *Config) Person(name string) string {
	name = normal(name)
	if person, ok := c.person[name]; ok {
		return person
	}
	return name
}

func normal(name string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "@"))
}

// Channel finds a channel by its full name.
func (c *Config) Channel(full string) (Artifact, Channel, error) {
	name, short, ok := Split(full)
	a, found := c.Artifact(name)
	if !ok || !found {
		return Artifact{}, Channel{}, fmt.Errorf("there is no channel %s%s", full, closest(full, c.All()))
	}
	for _, ch := range c.Of(a) {
		if ch.Name == short {
			return a, ch, nil
		}
	}
	return Artifact{}, Channel{}, fmt.Errorf("there is no channel %s; %s has %s", full, name, names(c.Of(a)))
}

// closest suggests what may have been meant.
func closest(text string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := levenshtein.Distance(text, k, nil); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; `slipway channel list` lists them"
	}
	return "; did you mean " + best + "?"
}

// All are the full names of every channel, in the file's order.
func (c *Config) All() []string {
	var all []string
	for _, a := range c.Artifacts {
		for _, ch := range c.Of(a) {
			all = append(all, Full(a.Name, ch.Name))
		}
	}
	return all
}
