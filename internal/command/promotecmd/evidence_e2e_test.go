package promotecmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/registry"
	"slipway.dev/slipway/internal/testkit/tools"
)

// slipway runs `slipway evidence` in this process, and returns what it printed.
func slipway(t *testing.T, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Getenv: os.Getenv}
	if code := cli.Run(t.Context(), env, EvidenceGroup(env)); code != cli.ExitDone {
		t.Fatalf("slipway evidence %s: %d: %s", strings.Join(args, " "), code, &stderr)
	}
	return stdout.Bytes()
}

// tool runs somebody else's program, and returns what it printed.
func tool(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	var stdout bytes.Buffer
	err := exec.Run(t.Context(), exec.Cmd{
		Args: append([]string{filepath.Base(path)}, args...), Path: path, Stdout: &stdout,
		Env: append(os.Environ(), "HOME="+t.TempDir()),
	})
	return stdout.String(), err
}

// shown is an image with evidence, as other people's tools see it.
type shown struct {
	server registry.Server
	image  string // HOST/PATH@DIGEST
	key    string // files PREFIX.key and PREFIX.pub
	other  string // the same of another key
	store  string
	added  added
}

// TestOtherPeoplesTools shows evidence to cosign, crane and regctl, on each kind of
// registry, signed by a key of ours and by one that cosign made.
func TestOtherPeoplesTools(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "promotion" {
		t.Skip("building cosign takes minutes; run with SLIPWAY_E2E=promotion")
	}
	cosign, crane, regctl := tools.Cosign(t), tools.Crane(t), tools.Regctl(t)
	t.Setenv("COSIGN_PASSWORD", "secret")
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
	slipway(t, "keygen", ours)
	if _, err := tool(t, cosign, "generate-key-pair", "--output-key-prefix", theirs); err != nil {
		t.Fatal(err)
	}
	for _, kind := range registry.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			s := show(t, registry.Start(t, kind), ours, theirs)
			t.Run("cosign", func(t *testing.T) { cosignVerifies(t, cosign, s) })
			t.Run("regctl", func(t *testing.T) { regctlLists(t, regctl, s) })
			t.Run("crane", func(t *testing.T) { craneFetches(t, crane, s) })
			s = show(t, s.server, theirs, ours)
			t.Run("cosign's key", func(t *testing.T) { cosignVerifies(t, cosign, s) })
		})
	}
}

// show adds evidence about a new image.
func show(t *testing.T, server registry.Server, key, other string) shown {
	t.Helper()
	s := shown{server: server, key: key, other: other, store: t.TempDir(), image: pushImage(t, server.Host+"/team/hello")}
	out := slipway(t, "add", s.image, "--test", "boot", "--result", "pass", "--log", "https://ci.example.com/1",
		"--key", key+".key", "--password-env", "COSIGN_PASSWORD", "--store", s.store, "--output", "json")
	if err := json.Unmarshal(out, &s.added); err != nil {
		t.Fatal(err)
	}
	return s
}

func pushImage(t *testing.T, repository string) string {
	t.Helper()
	img, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(repository + ":next")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, img); err != nil {
		t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return repository + "@" + digest.String()
}

// cosignVerifies takes the key that signed, and no other.
func cosignVerifies(t *testing.T, cosign string, s shown) {
	verify := func(key string) (string, error) {
		return tool(t, cosign, "verify-attestation", "--key", key+".pub", "--type", evidence.PredicateType,
			"--insecure-ignore-tlog", "--new-bundle-format", "--allow-http-registry", s.image)
	}
	if _, err := verify(s.key); err != nil {
		t.Errorf("cosign refuses: %v", err)
	}
	if out, err := verify(s.other); err == nil || !strings.Contains(err.Error(), "failed to verify signature") {
		t.Errorf("cosign with another key: got %s, %v; want that it refuses the signature", out, err)
	}
}

// regctlLists finds the bundle by its type and gets it. The registry in this process
// does not tell types.
func regctlLists(t *testing.T, regctl string, s shown) {
	host := []string{"--host", "reg=" + s.server.Host + ",tls=disabled", "artifact"}
	var filter []string
	if !s.server.HasReferrers() {
		filter = []string{"--filter-artifact-type", evidence.ArtifactType}
	}
	list, err := tool(t, regctl, slices.Concat(host, []string{"list", s.image, "--format", "{{json .}}"}, filter)...)
	if err != nil || !strings.Contains(list, s.added.Referrer) {
		t.Errorf("regctl does not list the evidence: %s, %v", list, err)
	}
	bundle, err := tool(t, regctl, slices.Concat(host, []string{"get", "--subject", s.image}, filter)...)
	if err != nil || bundle != s.stored(t) {
		t.Errorf("regctl got %q, %v; want the store's bundle", bundle, err)
	}
}

// craneFetches gets the bundle blob by blob. It has no command for the referrers API,
// but sees the tag that stands in for it.
func craneFetches(t *testing.T, crane string, s shown) {
	repository, digest, _ := strings.Cut(s.image, "@")
	if !s.server.HasReferrers() {
		index := read[manifest](t, crane, "manifest", repository+":"+strings.Replace(digest, ":", "-", 1))
		if len(index.Manifests) != 1 || index.Manifests[0].Digest != s.added.Referrer {
			t.Fatalf("crane sees the referrers %v, want %s alone", index.Manifests, s.added.Referrer)
		}
	}
	referrer := read[manifest](t, crane, "manifest", repository+"@"+s.added.Referrer)
	bundle, err := tool(t, crane, "blob", repository+"@"+referrer.Layers[0].Digest)
	if err != nil || bundle != s.stored(t) {
		t.Errorf("crane got %q, %v; want the store's bundle", bundle, err)
	}
}

// stored is the bundle as the store has it.
func (s shown) stored(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.store, s.added.Keys[0]))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

type manifest struct {
	Manifests, Layers []struct{ Digest string }
}

func read[T any](t *testing.T, path string, args ...string) (out T) {
	t.Helper()
	text, err := tool(t, path, args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
