package registry

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/random"
)

// Every kind takes an image through a proxy, gives it back, and deletes it.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			server := Start(t, kind)
			proxy := NewProxy(t, server.Host)
			image, err := random.Image(1000, 2)
			if err != nil {
				t.Fatal(err)
			}
			name := proxy.Host + "/a/b"
			if err := crane.Push(image, name+":v1"); err != nil {
				t.Fatal(err)
			}
			want, err := image.Digest()
			if err != nil {
				t.Fatal(err)
			}
			got, err := crane.Digest(server.Host + "/a/b:v1")
			if err != nil || got != want.String() {
				t.Errorf("digest is %s, %v, want %s", got, err, want)
			}
			if diff := cmp.Diff(map[string]int{"a/b:v1": 1}, proxy.Puts()); diff != "" {
				t.Errorf("puts (-want +got):\n%s", diff)
			}
			if err := crane.Delete(name + "@" + got); err != nil {
				t.Error(err)
			}
			if _, err := crane.Manifest(server.Host + "/a/b@" + got); err == nil {
				t.Error("the manifest is there after it was deleted")
			}
		})
	}
}

// echo is a registry of one manifest.
func echo(t *testing.T) *Proxy {
	t.Helper()
	server := Start(t, InProcess)
	put(t, server.Host)
	return NewProxy(t, server.Host)
}

var manifest = []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`)

func put(t *testing.T, host string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(http.MethodPut, "http://"+host+"/v2/a/manifests/v1", bytes.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil
	}
	_ = response.Body.Close()
	return response
}

func TestFaults(t *testing.T) {
	tests := []struct {
		fault  Fault
		failed bool // the request or its answer's body
		status int
		same   bool // bytes
	}{
		{"", false, 200, true},
		{Broken, false, 500, false},
		{Busy, false, 429, false},
		{Reset, true, 0, false},
		{Lost, true, 0, false},
		{Stall, true, 0, false},
		{Truncate, true, 200, false},
		{WrongBytes, false, 200, false},
		{WrongDigest, false, 200, true},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault), func(t *testing.T) {
			t.Parallel()
			proxy := echo(t)
			proxy.Break(Breakage{Share: 1, Faults: []Fault{tt.fault}})
			client := http.Client{Timeout: 300 * time.Millisecond}
			var body []byte
			status := 0
			response, err := client.Get("http://" + proxy.Host + "/v2/a/manifests/v1")
			if err == nil {
				status = response.StatusCode
				body, err = io.ReadAll(response.Body)
				_ = response.Body.Close()
			}
			if (err != nil) != tt.failed || status != tt.status || bytes.Equal(body, manifest) != tt.same {
				t.Errorf("got %d, %v, %q", status, err, body)
			}
			if tt.fault == Busy && response.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			if seen := proxy.Requests(); len(seen) != 1 || seen[0].Fault != tt.fault {
				t.Errorf("recorded %+v", seen)
			}
		})
	}
}

// What the registry took counts, also when nobody hears that it did.
func TestPutsCountLostAnswers(t *testing.T) {
	proxy := echo(t)
	for _, fault := range []Fault{Lost, Reset, Broken, WrongDigest} {
		proxy.Break(Breakage{Share: 1, Faults: []Fault{fault}})
		put(t, proxy.Host)
	}
	if diff := cmp.Diff(map[string]int{"a:v1": 2}, proxy.Puts()); diff != "" {
		t.Errorf("puts (-want +got):\n%s", diff)
	}
	proxy.Forget()
	if n := proxy.Count(Request.IsWrite); n != 0 {
		t.Errorf("%d writes are remembered", n)
	}
}

// A client that dies while it writes a manifest writes nothing, however much of it came;
// one that dies when it has sent all of it has written, and that counts.
func TestPutsOfTheDead(t *testing.T) {
	proxy := echo(t)
	for _, tt := range []struct {
		sent int
		want map[string]int
	}{{len(manifest) / 2, map[string]int{}}, {len(manifest), map[string]int{"a:v2": 1}}} {
		connection, err := net.Dial("tcp", proxy.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(connection, "PUT /v2/a/manifests/v2 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(manifest), manifest[:tt.sent])
		_ = connection.Close()
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline) && len(proxy.Puts()) == 0; {
			time.Sleep(10 * time.Millisecond)
		}
		if diff := cmp.Diff(tt.want, proxy.Puts()); diff != "" {
			t.Errorf("%d bytes of %d (-want +got):\n%s", tt.sent, len(manifest), diff)
		}
	}
}

// A status answers all that matches and nothing else.
func TestStatus(t *testing.T) {
	proxy := echo(t)
	proxy.Break(Breakage{Status: http.StatusMethodNotAllowed, Match: func(r *http.Request) bool { return r.Method == http.MethodPut }})
	if response := put(t, proxy.Host); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("put answers %s", response.Status)
	}
	if _, err := crane.Manifest(proxy.Host + "/a:v1"); err != nil {
		t.Error(err)
	}
}

// A share of the requests breaks, and the same ones for the same seed.
func TestShare(t *testing.T) {
	var first []Fault
	for range 2 {
		dice := Breakage{Seed: 7, Share: 0.3}.dice()
		var faults []Fault
		broken := 0
		request, err := http.NewRequest(http.MethodGet, "http://h/v2/a/manifests/v1", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 10_000 {
			fault := dice.roll(request)
			faults = append(faults, fault)
			if fault != "" {
				broken++
			}
		}
		if broken < 2700 || broken > 3300 {
			t.Errorf("%d of 10000 requests break, want about 3000", broken)
		}
		if first != nil && !cmp.Equal(first, faults) {
			t.Error("the same seed broke other requests")
		}
		first = faults
	}
}
