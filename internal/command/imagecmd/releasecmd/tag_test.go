package releasecmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/command/promotecmd"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/testkit/need"
)

// A signed tag vX.Y.Z-test of a merged commit finds the image that its merge entered,
// and takes it to testing, although next has moved on.
func TestTagAfterMerge(t *testing.T) {
	need.Tool(t, "ssh-keygen", "openssh-client")
	w := newWorld(t)
	key := filepath.Join(w.dir, "person")
	if err := exec.Run(t.Context(), exec.Cmd{Args: []string{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key}}); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	w.write(filepath.Join(w.dir, "maintainers"), "maintainer-one@example.com "+string(public))
	first := w.commit("one", "true")
	w.git("-c", "gpg.format=ssh", "-c", "user.email=maintainer-one@example.com", "tag", "-u", key, "-m", "Try it", "v1.2.3-test", first)
	args := []string{"os/testing", "--tag", "v1.2.3-test", "--config", filepath.Join(w.dir, "channels.yaml"), "--store", w.store()}
	if out := w.must(promotecmd.PromotionGroup, append([]string{"plan"}, args...)...); !strings.Contains(out, "no such manifest") {
		t.Errorf("before the merge's image is there: %s", out)
	}
	r, later := w.mustRelease(first), w.mustRelease(w.commit("two", "true"))
	if r.State != promotion.Moved || later.State != promotion.Moved {
		t.Fatalf("got %+v, %+v", r, later)
	}
	if out := w.must(promotecmd.PromotionGroup, append([]string{"plan"}, args...)...); !strings.Contains(out, "os/testing: ready: "+r.Digest) {
		t.Errorf("got %s", out)
	}
	if code, out, said := call(t.Context(), promotecmd.Promoter, append([]string{"apply"}, args...)...); code != cli.ExitDone {
		t.Fatalf("exit code %d:\n%s%s", code, out, said)
	}
	w.want("testing", r.Digest)
	w.want("next", later.Digest)
	w.audit()
}
