package retention

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// fileKeychain takes credentials from one file alone.
type fileKeychain map[string]authn.AuthConfig

// KeychainFile reads credentials from a file as docker's and podman's login write it.
// Helper programs are not run: a file that names one for a registry has nothing for it.
func KeychainFile(path string) (authn.Keychain, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the credentials for deleting: %w", err)
	}
	var file struct {
		Auths map[string]authn.AuthConfig `json:"auths"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read the credentials for deleting: %s is no docker config.json with auths: %w", path, withoutValues(err))
	}
	return fileKeychain(file.Auths), nil
}

// withoutValues drops what a parser quotes: it may be a part of a secret.
func withoutValues(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Errorf("bad JSON at byte %d", syntax.Offset)
	}
	return errors.New("a field has the wrong form")
}

// Resolve finds the credential of a repository, else that of its registry.
func (k fileKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	keys := []string{target.String(), target.RegistryStr(), "https://" + target.RegistryStr()}
	if target.RegistryStr() == name.DefaultRegistry {
		keys = append(keys, authn.DefaultAuthKey)
	}
	for _, key := range keys {
		if auth, ok := k[key]; ok && auth != (authn.AuthConfig{}) {
			return authn.FromConfig(auth), nil
		}
	}
	return authn.Anonymous, nil
}

// CheckCredentials sees that what deletes from a repository is another credential than
// what plans: whoever gets hold of the planning one, which lies in many places, cannot
// delete. A registry on this machine may go without both, which the note says.
func CheckCredentials(repository string, planning, deleting authn.Keychain) (note string, err error) {
	at, err := name.NewRepository(repository)
	if err != nil {
		return "", err
	}
	plans, err := credential(planning, at)
	if err != nil {
		return "", fmt.Errorf("find the credential that plans for %s: %w", repository, err)
	}
	deletes, err := credential(deleting, at)
	if err != nil {
		return "", fmt.Errorf("find the credential that deletes from %s: %w", repository, err)
	}
	none := deletes == authn.AuthConfig{}
	switch {
	case none && plans == deletes && isLoopback(at.RegistryStr()):
		return "registry " + at.RegistryStr() + " on this machine is asked without any credential", nil
	case none:
		return "", fmt.Errorf("delete from %s: the file of --delete-auth has no credential for %s; log in with `podman login --authfile FILE %s` as whoever may delete", repository, at.RegistryStr(), at.RegistryStr())
	case plans == deletes:
		return "", fmt.Errorf("delete from %s: the credential of --delete-auth is the one that plans; give it one of its own, and take the right to delete from the other", repository)
	}
	return "", nil
}

// credential is what a keychain has for a repository, in the one form that compares.
func credential(keychain authn.Keychain, at name.Repository) (authn.AuthConfig, error) {
	found, err := keychain.Resolve(at)
	if err != nil {
		return authn.AuthConfig{}, err
	}
	auth, err := found.Authorization()
	if err != nil {
		return authn.AuthConfig{}, err
	}
	data, err := json.Marshal(auth)
	var same authn.AuthConfig
	if err == nil {
		err = json.Unmarshal(data, &same) // takes auth apart into user and password
	}
	same.Auth = ""
	return same, err
}

func isLoopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
