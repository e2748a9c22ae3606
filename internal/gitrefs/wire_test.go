package gitrefs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/version"
)

func TestReadRefs(t *testing.T) {
	tests := []struct {
		name, in, err string
		want          []version.Ref
	}{
		{name: "none", in: "0000"},
		{name: "peeled", in: "0018aa refs/x peeled:bb\n0000", want: []version.Ref{{Name: "refs/x", Object: "aa", Peeled: "bb"}}},
		{name: "cut short", in: "000eaa refs/x\n", err: "read refs"},
		{name: "cut in a packet", in: "00ffaa refs", err: "read packet"},
		{name: "no length", in: "zzzz", err: "no hexadecimal number"},
		{name: "impossible length", in: "0003", err: "not allowed"},
		{name: "no name", in: "0007aa\n0000", err: "server answered"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readRefs(strings.NewReader(test.in))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("refs (-want +got):\n%s", diff)
			}
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
		})
	}
}

func TestReadGreeting(t *testing.T) {
	tests := []struct {
		in   string
		want error
	}{
		{"000eversion 2\n000cls-refs\n0000", nil},
		{"001e# service=git-upload-pack\n0000000eversion 2\n0000", nil},
		{"000eversion 1\n0000", errNotV2},
		{"0010aa HEAD\x00caps\n0000", errNotV2},
		{"0000", errNotV2},
	}
	for _, test := range tests {
		if got := readGreeting(strings.NewReader(test.in)); !errors.Is(got, test.want) {
			t.Errorf("readGreeting(%q) = %v, want %v", test.in, got, test.want)
		}
	}
}

func TestSSHCommand(t *testing.T) {
	tests := []struct {
		url, custom string
		want        []string
	}{
		{"ssh://git@h.example:29418/p/q.git", "", []string{"ssh", "-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "-p", "29418", "git@h.example", "git-upload-pack '/p/q.git'"}},
		{"git@h.example:p/it's.git", "", []string{"ssh", "-o", "BatchMode=yes", "-o", "SendEnv=GIT_PROTOCOL", "git@h.example", `git-upload-pack 'p/it'\''s.git'`}},
		{"ssh://h.example/~me/p", "ssh -i key", []string{"sh", "-c", `ssh -i key "$@"`, "ssh", "-o", "SendEnv=GIT_PROTOCOL", "h.example", "git-upload-pack '~me/p'"}},
		{"ssh://-oProxyCommand=x/p", "", nil},
		{"-x:p", "", nil},
		{"host:-p", "", nil},
		{"git://h.example/p", "", nil},
		{"ext::sh -c x", "", nil},
	}
	for _, test := range tests {
		target, err := parseSSH(test.url)
		if test.want == nil {
			if err == nil {
				t.Errorf("parseSSH(%q) = %+v, want an error", test.url, target)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(test.want, target.command(test.custom)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.url, diff)
		}
	}
}

func TestIsLocal(t *testing.T) {
	for url, want := range map[string]bool{
		"/p/q": true, "./p:q": true, "p": true, "file:///p": true, "../a/b:c": true,
		"h:p": false, "u@h:p/q": false, "ssh://h/p": false, "https://h/p": false, "git://h/p": false, "ext::p": false,
	} {
		if got := isLocal(url); got != want {
			t.Errorf("isLocal(%q) = %v, want %v", url, got, want)
		}
	}
}
