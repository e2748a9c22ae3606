package retention

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keychainOf writes a docker config.json with one credential.
func keychainOf(t *testing.T, host, user, password string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, auth)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckCredentials(t *testing.T) {
	const host, here = "registry.example", "127.0.0.1:5000"
	planner, deleter := keychainOf(t, host, "planner", "one"), keychainOf(t, host, "deleter", "two")
	otherHost := keychainOf(t, "other.example", "deleter", "two")
	plain := filepath.Join(t.TempDir(), "plain.json")
	if err := os.WriteFile(plain, []byte(`{"auths": {"registry.example": {"username": "planner", "password": "one"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, repository, plans, deletes string
		note, want                       string // part of the note, of the error
	}{
		{"another", host + "/a", planner, deleter, "", ""},
		{"the same", host + "/a", planner, planner, "", "is the one that plans"},
		{"the same in another form", host + "/a", planner, plain, "", "is the one that plans"},
		{"same user, another password", host + "/a", planner, keychainOf(t, host, "planner", "three"), "", ""},
		{"of another host", host + "/a", planner, otherHost, "", "has no credential for registry.example"},
		{"none at all", host + "/a", otherHost, otherHost, "", "has no credential"},
		{"none on this machine", here + "/a", otherHost, otherHost, "without any credential", ""},
		{"none on this machine where planning has one", here + "/a", keychainOf(t, here, "planner", "one"), otherHost, "", "has no credential"},
		{"of the repository alone", host + "/a", planner, keychainOf(t, host+"/a", "deleter", "two"), "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plans, err := KeychainFile(tt.plans)
			if err != nil {
				t.Fatal(err)
			}
			deletes, err := KeychainFile(tt.deletes)
			if err != nil {
				t.Fatal(err)
			}
			note, err := CheckCredentials(tt.repository, plans, deletes)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if (note == "") != (tt.note == "") || !strings.Contains(note, tt.note) {
				t.Errorf("note is %q, want %q", note, tt.note)
			}
		})
	}
}

// A file that cannot be read says so, without a word of what is in it.
func TestKeychainFileFaults(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"cut":    `{"auths": {"registry.example": {"password": "hunter2`,
		"number": `{"auths": {"registry.example": {"password": 31337}}}`,
		"base64": `{"auths": {"registry.example": {"auth": "hunter2!!"}}}`,
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := KeychainFile(path)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "31337") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := KeychainFile(filepath.Join(folder, "none")); err == nil {
		t.Error("a file that is not there is read")
	}
}
