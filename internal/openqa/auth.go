package openqa

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha1" // openQA's signature; the secret is random, so collisions are of no use
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Credentials are a key of openQA's web page for API keys, and its secret.
type Credentials struct{ Key, Secret string }

// String hides the secret from whatever prints a Credentials.
func (c Credentials) String() string {
	if c.Key == "" {
		return "no key"
	}
	return "a key"
}

// GoString hides it from %#v.
func (c Credentials) GoString() string { return c.String() }

// ReadCredentials reads those of a host from a file in the form of openQA's client.conf:
// a section named by the host, with its port or without, that holds key and secret.
func ReadCredentials(file, host string) (Credentials, error) {
	u, err := url.Parse(host)
	if err != nil {
		return Credentials{}, fmt.Errorf("%q is no address of an openQA; write https://HOST", redactURL(host))
	}
	f, err := os.Open(file)
	if err != nil {
		return Credentials{}, fmt.Errorf("read openQA's key: %w", err)
	}
	defer f.Close()
	sections, err := readSections(bufio.NewScanner(f))
	if err != nil {
		return Credentials{}, fmt.Errorf("read openQA's key from %s: %w", file, err)
	}
	for _, name := range []string{u.Host, u.Hostname()} {
		section, found := sections[name]
		if !found {
			continue
		}
		c := Credentials{section["key"], section["secret"]}
		if c.Key == "" || c.Secret == "" {
			return Credentials{}, fmt.Errorf("read openQA's key from %s: section [%s] lacks key or secret", file, name)
		}
		return c, nil
	}
	return Credentials{}, fmt.Errorf("read openQA's key from %s: it has no section [%s]; add one with key and secret", file, u.Host)
}

// readSections reads an INI file. Its errors name lines, and never say what they hold.
func readSections(lines *bufio.Scanner) (map[string]map[string]string, error) {
	sections := map[string]map[string]string{}
	var section map[string]string
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		name, value, pair := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = map[string]string{}
			sections[strings.TrimSpace(line[1:len(line)-1])] = section
		case pair && section != nil:
			section[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		default:
			return nil, fmt.Errorf("line %d is neither [HOST] nor NAME = VALUE below one", n)
		}
	}
	if lines.Err() != nil {
		return nil, errors.New("a line is too long")
	}
	return sections, nil
}

// sign adds what openQA knows a client by. It hashes path and query with a space as +,
// and the time, but not the body.
func (c Credentials) sign(r *http.Request, now time.Time) {
	if c.Key == "" {
		return
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha1.New, []byte(c.Secret))
	mac.Write([]byte(strings.ReplaceAll(r.URL.RequestURI(), "%20", "+") + stamp))
	r.Header.Set("X-API-Key", c.Key)
	r.Header.Set("X-API-Microtime", stamp)
	r.Header.Set("X-API-Hash", hex.EncodeToString(mac.Sum(nil)))
}

// hide takes key and secret out of what a server or a library said.
func (c Credentials) hide(text string) string {
	for _, secret := range []string{c.Secret, c.Key} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "(hidden)")
		}
	}
	return text
}

// redactURL is what may be shown of an address that may hold a password.
func redactURL(text string) string {
	if i := strings.LastIndex(text, "@"); i >= 0 {
		return "…" + text[i:]
	}
	return text
}
