package imagediff

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/internal/testkit/registry"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update accepts it):\n%s", path, diff)
	}
}

func digestOf(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// samples are two images that differ in all that can be said.
func samples() (a, b Image) {
	base := Layer{digestOf("0"), "application/vnd.oci.image.layer.v1.tar+gzip", 31_000_000, "/bin/sh -c #(nop) ADD file"}
	a = Image{Digest: digestOf("a"), MediaType: "application/vnd.docker.distribution.manifest.list.v2+json", Platforms: []Platform{
		{
			Name: "linux/amd64", Digest: digestOf("1"), Size: 31_002_500,
			Config: Config{
				User: "1000", Entrypoint: []string{"/bin/agent"}, Env: []string{"PATH=/bin", "OLD=1", "EMPTY"},
				Labels: map[string]string{"version": "1", "gone": "x"}, Ports: []string{"80/tcp"},
			},
			Layers:   []Layer{base, {digestOf("3"), base.MediaType, 2_000, "RUN old"}},
			Packages: []Package{{dpkg, "libssl3", "3.0.14-1", "amd64"}, {dpkg, "nano", "7.2-1", "amd64"}, {dpkg, "vim", "2:9.1-1", "amd64"}, {dpkg, "same", "1", "all"}},
		},
		{Name: "linux/arm64", Digest: digestOf("4"), Size: 900},
		{Name: "linux/s390x", Digest: digestOf("5"), Size: 900},
	}}
	b = Image{Digest: digestOf("b"), MediaType: "application/vnd.oci.image.index.v1+json", Platforms: []Platform{
		{
			Name: "linux/amd64", Digest: digestOf("2"), Size: 31_003_500,
			Config: Config{
				WorkingDir: "/", Entrypoint: []string{"/bin/agent", "--new"}, Env: []string{"PATH=/bin:/sbin", "NEW=\x1b[1m", "EMPTY"},
				Labels: map[string]string{"version": "2"}, Ports: []string{"443/tcp"},
			},
			Layers:   []Layer{base, {digestOf("6"), base.MediaType, 3_000, "RUN " + strings.Repeat("new && ", 30)}},
			Packages: []Package{{dpkg, "same", "1", "all"}, {dpkg, "vim", "2:9.0-1", "amd64"}, {dpkg, "libssl3", "3.0.15-1", "amd64"}, {apk, "musl", "1", "x86_64"}},
			Unread:   []string{"rpm: a layer changes /var/lib/rpm, which is not read"},
		},
		{Name: "linux/arm64", Digest: digestOf("4"), Size: 900},
		{Name: "linux/riscv64", Digest: digestOf("7"), Size: 800},
	}}
	return a, b
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	Print(&out, Compare(samples()))
	golden(t, "diff.txt", out.Bytes())
}

func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent(Compare(samples()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.json", append(text, '\n'))
}

// What one way adds, the other removes, and an image does not differ from itself.
func TestBothWays(t *testing.T) {
	a, b := samples()
	there, back := Compare(a, b).Platforms[0], Compare(b, a).Platforms[0]
	if diff := cmp.Diff(there.Packages.Added, back.Packages.Removed); diff != "" {
		t.Errorf("packages (-added +removed):\n%s", diff)
	}
	if diff := cmp.Diff(there.Layers.Added, back.Layers.Removed); diff != "" {
		t.Errorf("layers (-added +removed):\n%s", diff)
	}
	if there.Packages.Changed[0].Way != Upgraded || back.Packages.Changed[0].Way != Downgraded {
		t.Errorf("ways %s and %s", there.Packages.Changed[0].Way, back.Packages.Changed[0].Way)
	}
	var out bytes.Buffer
	self := Compare(a, a)
	Print(&out, self)
	if !self.Same() || out.String() != "the same image\n" || len(self.Platforms[0].Config) > 0 {
		t.Errorf("an image differs from itself: %s", out.String())
	}
}

func TestRead(t *testing.T) {
	created := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, kind := range []registry.Kind{registry.InProcess, registry.Debian} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t, kind)
			made := image(t, func(c *v1.ConfigFile) {
				c.Created, c.Variant = v1.Time{Time: created}, "v3"
				c.Config = v1.Config{User: "u", Labels: map[string]string{"a": "b"}, ExposedPorts: map[string]struct{}{"80/tcp": {}, "443/tcp": {}}}
			})
			l := layer(t, map[string]string{"a": "b"})
			made, err := mutate.Append(made, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: "RUN it"}})
			if err != nil {
				t.Fatal(err)
			}
			digest := w.push(made)
			size, _ := l.Size()
			hash, _ := l.Digest()
			raw, _ := made.RawConfigFile()
			want := Image{Repository: w.repository(), Digest: digest, MediaType: "application/vnd.oci.image.manifest.v1+json", Platforms: []Platform{{
				Name: "linux/amd64/v3", Digest: digest, Size: size + int64(len(raw)), Created: created,
				Config: Config{User: "u", Labels: map[string]string{"a": "b"}, Ports: []string{"443/tcp", "80/tcp"}},
				Layers: []Layer{{hash.String(), "application/vnd.oci.image.layer.v1.tar+gzip", size, "RUN it"}},
			}}}
			if diff := cmp.Diff(want, w.read(digest)); diff != "" {
				t.Errorf("image (-want +got):\n%s", diff)
			}
			both := w.read(w.push(index(t, map[string]v1.Image{"arm64": made, "amd64": made})))
			if len(both.Platforms) != 2 || both.Platforms[0].Name != "linux/amd64" || both.Platforms[1].Name != "linux/arm64" {
				t.Errorf("platforms of an index with an attestation: %+v", both.Platforms)
			}
		})
	}
}

// An index in an index is read; what goes on without end is not.
func TestNested(t *testing.T) {
	w := newWorld(t, registry.InProcess)
	whole := index(t, map[string]v1.Image{"amd64": image(t, nil)})
	for depth := 1; depth <= maxNested; depth++ {
		whole = mutate.AppendManifests(mutate.IndexMediaType(whole, "application/vnd.oci.image.index.v1+json"))
		outer := index(t, map[string]v1.Image{})
		whole = mutate.AppendManifests(outer, mutate.IndexAddendum{Add: whole})
		read, err := Read(t.Context(), w.client, w.repository(), w.push(whole))
		if depth == maxNested {
			if err == nil || !strings.Contains(err.Error(), "an index within") {
				t.Errorf("%d indexes in each other: got error %v", depth+1, err)
			}
		} else if err != nil || len(read.Platforms) != 1 {
			t.Errorf("%d indexes in each other: %v, %v", depth+1, read.Platforms, err)
		}
	}
}

// TestVersions compares as dpkg itself does: versions that matter, and random ones.
func TestVersions(t *testing.T) {
	need.Tool(t, "dpkg", "dpkg")
	versions := []string{
		"1", "1.0", "1.0-1", "1.0-1+b1", "1.0~rc1-1", "1.0~~", "1:0.9", "0:1.0", "1.0a", "1.0+a", "1.0.0", "01.0", "1.00", "1.0-0", "1.0-00",
		"20261121.00-g1", "20261121.100", "20261121.99", "2:9.1.0-1ubuntu0.1", "7.88.1-10+deb12u8", "7.88.1-10+deb12u12", "1.0-1-1", "1.-1", "1.A", "1.a", "1.~",
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		v := "1"
		for range 1 + random.IntN(6) {
			v += string("0019aZ.+~-"[random.IntN(10)])
		}
		versions = append(versions, strings.TrimRight(v, "-")+"0")
	}
	var script strings.Builder // one shell, as a process for each pair takes long
	var pairs [][2]string
	for i, a := range versions {
		for _, b := range []string{versions[(i+1)%len(versions)], versions[random.IntN(len(versions))], versions[random.IntN(len(versions))], a} {
			pairs = append(pairs, [2]string{a, b})
			script.WriteString("if dpkg --compare-versions '" + a + "' lt '" + b + "'; then echo -1; elif dpkg --compare-versions '" + a + "' gt '" + b + "'; then echo 1; else echo 0; fi\n")
		}
	}
	out, err := exec.Output(t.Context(), exec.Cmd{Args: []string{"sh", "-c", script.String()}})
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Fields(string(out))
	if len(answers) != len(pairs) {
		t.Fatalf("dpkg gave %d answers for %d pairs", len(answers), len(pairs))
	}
	for i, p := range pairs {
		if got := compareVersions(p[0], p[1]); answers[i] != map[int]string{-1: "-1", 0: "0", 1: "1"}[got] {
			t.Errorf("compare %s with %s: got %d, dpkg says %s", p[0], p[1], got, answers[i])
		}
	}
}
