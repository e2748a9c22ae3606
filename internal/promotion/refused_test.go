package promotion

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/testkit/registry"
)

func writes(r *http.Request) bool { return r.Method == http.MethodPut }

func looks(r *http.Request) bool {
	return r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/manifests/live")
}

// A move ends without its tag only if the registry refused it. One that broke may have
// written the tag, or may write it yet, and what it says of the tag may be wrong.
func TestOnlyARefusalEndsAMove(t *testing.T) {
	for name, tt := range map[string]struct {
		breakage registry.Breakage
		want     ledger.Kind // the last record
		says     string
	}{
		"refused":      {registry.Breakage{Match: writes, Status: http.StatusForbidden}, ledger.Aside, "refuses to be written"},
		"broken":       {registry.Breakage{Match: writes, Share: 1, Faults: []registry.Fault{registry.Broken}}, ledger.Intent, "rolls it forward"},
		"lost answer":  {registry.Breakage{Match: writes, Share: 1, Faults: []registry.Fault{registry.Lost}}, ledger.Done, ""},
		"wrong header": {registry.Breakage{Match: looks, Share: 1, Faults: []registry.Fault{registry.WrongDigest}}, ledger.Done, "no such manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.Registry = oci.New(oci.Config{Attempts: 2, Backoff: time.Millisecond})
			w.mustPromote(Request{Channel: "a0/live", Digest: w.push("a0", "x")})
			second := Request{Channel: "a0/live", Digest: w.push("a0", "y")}
			w.proxy.Break(tt.breakage)
			err := w.promote(second)
			w.proxy.Break(registry.Breakage{})
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			line, err := ledger.Read(t.Context(), w.store, "a0/live")
			if err != nil {
				t.Fatal(err)
			}
			if last := line.Records[len(line.Records)-1]; last.Kind != tt.want {
				t.Errorf("the line ends with %s: %s", last.Kind, last.Why)
			}
			w.mustPromote(second)
			w.want("a0/live", second.Digest)
		})
	}
}

// A move is not done whose version the registry refused, wherever the channel is.
func TestRefusedVersionIsNotRecorded(t *testing.T) {
	w := newWorld(t, 0)
	digest := w.push("os", "1")
	w.mustPromote(Request{Channel: "os/next", Digest: digest})
	w.mustPromote(Request{Channel: "os/testing"})
	prod, client := w.other.Host+"/prod/os", oci.New(oci.Config{})
	m, err := client.Manifest(t.Context(), w.proxy.Host+"/os", digest)
	if err == nil {
		err = client.Copy(t.Context(), w.proxy.Host+"/os", prod, digest)
	}
	if err == nil {
		err = client.Tag(t.Context(), prod, "stable", m) // by hand, to the same digest
	}
	if err != nil {
		t.Fatal(err)
	}
	w.other.Break(registry.Breakage{Match: writes, Status: http.StatusForbidden})
	if err := w.promote(Request{Channel: "os/stable", Version: "v1.0.0"}); err == nil {
		t.Error("it moved without its version")
	}
	line, err := ledger.Read(t.Context(), w.store, "os/stable")
	if err != nil {
		t.Fatal(err)
	}
	if last := line.Records[len(line.Records)-1]; last.Kind != ledger.Aside {
		t.Errorf("the line ends with %s: %s", last.Kind, last.Why)
	}
}
