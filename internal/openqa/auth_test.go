package openqa

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadCredentials(t *testing.T) {
	const two = "# keys\n[openqa.example.com]\nkey = K1\nsecret=S1 \n\n[openqa.example.com:9526]\nKey = K2\nsecret = S2\n[half]\nkey = K3\n"
	tests := []struct {
		name, text, host string
		want             Credentials
		refusal          string
	}{
		{"by host", two, "https://openqa.example.com", Credentials{"K1", "S1"}, ""},
		{"by host, whatever its port", two, "http://openqa.example.com:80", Credentials{"K1", "S1"}, ""},
		{"by host and port", two, "http://openqa.example.com:9526", Credentials{"K2", "S2"}, ""},
		{"another host", two, "https://elsewhere", Credentials{}, "it has no section [elsewhere]"},
		{"no secret", two, "https://half", Credentials{}, "section [half] lacks key or secret"},
		{"no INI", "K1 S1\n", "https://half", Credentials{}, "line 1 is neither"},
		{"a secret before any section", "secret = S1\n", "https://half", Credentials{}, "line 1 is neither"},
		{"empty", "", "https://half", Credentials{}, "no section"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "client.conf")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := ReadCredentials(file, tt.host)
			if got != tt.want || (err == nil) != (tt.refusal == "") || err != nil && !strings.Contains(err.Error(), tt.refusal) {
				t.Errorf("got %#v, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), "S1") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	if _, err := ReadCredentials(filepath.Join(t.TempDir(), "none"), "https://x"); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestCredentialsHide(t *testing.T) {
	c := Credentials{"KEYKEY", "SECRETSECRET"}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), c.hide("KEYKEY and SECRETSECRET")} {
		if strings.Contains(text, "KEYKEY") || strings.Contains(text, "SECRETSECRET") {
			t.Errorf("%q tells", text)
		}
	}
}

// The signature is what openQA's own client makes of the same request, computed by hand:
// printf '/api/v1/jobs?a=b+c1700000000' | openssl sha1 -hmac SECRET.
func TestSign(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "http://openqa.example.com/api/v1/jobs?a=b%20c", nil)
	if err != nil {
		t.Fatal(err)
	}
	Credentials{"KEY", "SECRET"}.sign(r, time.Unix(1700000000, 0))
	if got, want := r.Header.Get("X-API-Hash"), "4cb318c92e2d02f3746552db39979bfad0c43347"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.Header.Get("X-API-Key") != "KEY" || r.Header.Get("X-API-Microtime") != "1700000000" {
		t.Errorf("got %v", r.Header)
	}
}
