package tagsign

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// allowed is one line of an allowed_signers file.
type allowed struct {
	principal  string
	key        ssh.PublicKey
	namespaces []string // patterns; none is every namespace
	after      time.Time
	before     time.Time
}

// allows says why the line does not let its key sign a tag at a time.
func (a allowed) allows(at time.Time) error {
	switch {
	case !a.signsTags():
		return fmt.Errorf("%s may sign in the namespaces %s, not in %s", a.principal, strings.Join(a.namespaces, ","), namespace)
	case !a.after.IsZero() && at.Before(a.after):
		return fmt.Errorf("the tag is of %s, and the key of %s valid after %s", at.Format(time.RFC3339), a.principal, a.after.Format(time.RFC3339))
	case !a.before.IsZero() && at.After(a.before):
		return fmt.Errorf("the tag is of %s, and the key of %s valid before %s", at.Format(time.RFC3339), a.principal, a.before.Format(time.RFC3339))
	}
	return nil
}

func (a allowed) signsTags() bool {
	return len(a.namespaces) == 0 || slices.ContainsFunc(a.namespaces, func(pattern string) bool {
		ok, err := path.Match(pattern, namespace)
		return ok && err == nil
	})
}

func parseAllowed(text []byte) (sshKeys, error) {
	var keys sshKeys
	owner := map[string]string{} // key → principal
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		a, err := parseAllowedLine(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		id := string(a.key.Marshal())
		if other, ok := owner[id]; ok && other != a.principal {
			return nil, fmt.Errorf("line %d: the key of %s is also that of %s; give each person keys of their own", number, a.principal, other)
		}
		owner[id] = a.principal
		keys = append(keys, a)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key; write lines such as: name@example.com ssh-ed25519 AAAA")
	}
	return keys, nil
}

func parseAllowedLine(line string) (allowed, error) {
	principal, rest, err := cutPrincipal(line)
	if err != nil {
		return allowed{}, err
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return allowed{}, fmt.Errorf("read the key: %w", err)
	}
	a := allowed{principal: principal, key: key}
	if err := checkKey(key); err != nil {
		return allowed{}, err
	}
	for _, option := range options {
		if err := a.set(option); err != nil {
			return allowed{}, fmt.Errorf("option %s: %w", option, err)
		}
	}
	return a, nil
}

// cutPrincipal takes the principals off a line, which may be quoted, and names the
// person by the first.
func cutPrincipal(line string) (principal, rest string, err error) {
	list, rest := line, ""
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		list, rest, ok = strings.Cut(quoted, `"`)
		if !ok {
			return "", "", errors.New("the quote at its start does not end")
		}
	} else if i := strings.IndexAny(line, " \t"); i > 0 {
		list, rest = line[:i], line[i:]
	}
	principal, _, _ = strings.Cut(list, ",")
	if principal == "" || strings.ContainsAny(list, `*?!"`) {
		return "", "", fmt.Errorf("principals %q: an approver is one person; write a name, not a pattern", list)
	}
	return strings.ToLower(principal), strings.TrimSpace(rest), nil
}

// keyTypes are the algorithms that may sign.
var keyTypes = []string{
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoRSA, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
}

const minRSA = 2048 // bits

func checkKey(key ssh.PublicKey) error {
	if !slices.Contains(keyTypes, key.Type()) {
		return fmt.Errorf("a key of type %s does not approve; use one of %s", key.Type(), strings.Join(keyTypes, ", "))
	}
	public, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if r, ok := public.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSA {
		return fmt.Errorf("an RSA key of %d bits is too weak; use %d or more, or Ed25519", r.N.BitLen(), minRSA)
	}
	return nil
}

// set takes one option, which may stand in a line once.
func (a *allowed) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	value = strings.Trim(value, `"`)
	switch strings.ToLower(name) {
	case "namespaces":
		if a.namespaces != nil || value == "" || strings.Contains(value, "!") {
			return errors.New("write it once, with patterns and without negation")
		}
		a.namespaces = strings.Split(value, ",")
		return nil
	case "valid-after":
		a.after, err = parseTime(value, a.after)
		return err
	case "valid-before":
		a.before, err = parseTime(value, a.before)
		return err
	case "cert-authority":
		return errors.New("certificates do not approve; name each person's key")
	default:
		return errors.New("it is not known here")
	}
}

func parseTime(value string, set time.Time) (time.Time, error) {
	const layout = "20060102150405"
	digits, utc := strings.CutSuffix(value, "Z")
	if !set.IsZero() || !utc || !slices.Contains([]int{8, 12, 14}, len(digits)) {
		return time.Time{}, errors.New("write it once, as YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ")
	}
	return time.Parse(layout[:len(digits)], digits)
}
