package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/yaml"
)

// secretAge is how old what is known of the secret's file may be.
const secretAge = time.Second

// Secret is the file with which webhooks are signed, in either of Prow's forms: the
// bare secret, or a list of secrets by repository, organization or "*". It is read
// again when the file changes, so that a secret is replaced without a restart; a file
// that cannot be read or holds nothing leaves the last secret in force.
type Secret struct {
	path string
	log  *logrus.Entry

	mu   sync.Mutex
	read time.Time
	raw  []byte
	keys *keys
}

// keys are secrets by "org/repo", "org" or "*".
type keys struct{ by map[string][][]byte }

// all is the key of Prow's form under which the secret of everything else stands.
const all = "*"

// OpenSecret reads a secret's file.
func OpenSecret(path string, log *logrus.Entry) (*Secret, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the webhooks' secret: %w", err)
	}
	keys, err := parseKeys(raw)
	if err != nil {
		return nil, fmt.Errorf("read the webhooks' secret %s: %w", path, err)
	}
	return &Secret{path: path, log: log, read: time.Now(), raw: raw, keys: keys}, nil
}

// current is what the file says, or said when it could last be read.
func (s *Secret) current() *keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.read) < secretAge {
		return s.keys
	}
	s.read = time.Now()
	raw, err := os.ReadFile(s.path)
	if err == nil && bytes.Equal(raw, s.raw) {
		return s.keys
	}
	var now *keys
	if err == nil {
		now, err = parseKeys(raw)
	}
	if err != nil {
		s.log.WithError(err).Errorf("The webhooks' secret %s cannot be read; the last one stays in force.", s.path)
		return s.keys
	}
	s.log.Info("The webhooks' secret has changed.")
	s.raw, s.keys = raw, now
	return now
}

// parseKeys refuses an empty secret: everybody could sign with it.
func parseKeys(raw []byte) (*keys, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, errors.New("it is empty")
	}
	var listed map[string]github.HMACsForRepo
	if yaml.Unmarshal(raw, &listed) != nil {
		return &keys{map[string][][]byte{all: {raw}}}, nil
	}
	k := &keys{map[string][][]byte{}}
	for name, tokens := range listed {
		for _, token := range tokens {
			if token.Value == "" {
				return nil, fmt.Errorf("a secret of %s is empty", name)
			}
			k.by[name] = append(k.by[name], []byte(token.Value))
		}
	}
	if len(k.by) == 0 {
		return nil, errors.New("it lists no secret")
	}
	return k, nil
}

// each is every secret there is.
func (k *keys) each() [][]byte {
	var each [][]byte
	for _, list := range k.by {
		each = append(each, list...)
	}
	return each
}

// scoped says whether some secrets are for some repositories only.
func (k *keys) scoped() bool { return len(k.by) > 1 || k.by[all] == nil }

// of are the secrets of a repository: those of the narrowest name that covers it.
func (k *keys) of(repo string) [][]byte {
	org, _, _ := strings.Cut(repo, "/")
	for _, name := range []string{repo, org, all} {
		if list := k.by[name]; list != nil {
			return list
		}
	}
	return nil
}
