package promotecmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/ledger"
	"slipway.dev/slipway/internal/retention"
	"slipway.dev/slipway/internal/store/folder"
	"slipway.dev/slipway/internal/testkit/registry"
)

// shelf is a folder with a configuration and a store, beside a real registry.
type shelf struct {
	t       *testing.T
	folder  string
	at      name.Repository
	digests []string
}

const shelfConfig = `
signers: {ci: {key: ci.pub}}
channels:
  os: [{name: next, gate: {tests: [{name: unit, signers: [ci]}]}}]
artifacts:
- {name: os, kind: image, location: %s, channels: os}
retention:
- {artifacts: [os], tags: "%s", keep: {last: 2, younger: 48h}}
`

// newShelf pushes ten images that the channel held, one after the other, long ago.
func newShelf(t *testing.T) *shelf {
	t.Helper()
	at, err := name.NewRepository(registry.Start(t, registry.InProcess).Host + "/team/os")
	if err != nil {
		t.Fatal(err)
	}
	s := &shelf{t: t, folder: t.TempDir(), at: at}
	s.must(os.WriteFile(s.path("ci.pub"), []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), 0o600))
	s.must(os.WriteFile(s.path("delete.json"), []byte(`{"auths": {}}`), 0o600))
	s.configure("[0-9a-f]{40}")
	kept, err := folder.New(s.path("store"))
	s.must(err)
	line := ledger.Line{Channel: "os/next"}
	for i := range 10 {
		s.digests = append(s.digests, s.push(fmt.Sprintf("%040x", i)))
		for _, kind := range []ledger.Kind{ledger.Intent, ledger.Done} {
			line, err = line.Append(t.Context(), kept, ledger.Record{Kind: kind, Digest: s.digests[i], Who: "ci", Time: time.Now().AddDate(0, 0, i-100)})
			s.must(err)
		}
	}
	return s
}

func (s *shelf) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shelf) path(name string) string { return filepath.Join(s.folder, name) }

func (s *shelf) configure(tags string) {
	s.t.Helper()
	s.must(os.WriteFile(s.path("channels.yaml"), fmt.Appendf(nil, shelfConfig, s.at.Name(), tags), 0o600))
}

func (s *shelf) push(tag string) string {
	s.t.Helper()
	img, err := random.Image(64, 1)
	s.must(err)
	s.must(remote.Write(s.at.Tag(tag), img))
	digest, err := img.Digest()
	s.must(err)
	return digest.String()
}

// run calls slipway retention, and wants an exit code.
func (s *shelf) run(want int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	env := cli.Env{
		Args:   append(args, "--config", s.path("channels.yaml"), "--store", s.path("store")),
		Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" },
	}
	if got := cli.Run(s.t.Context(), env, RetentionGroup(env)); got != want {
		s.t.Fatalf("%v: got exit code %d, want %d\n%s%s", args, got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

func (s *shelf) wants(got string, parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			s.t.Errorf("%q is not in:\n%s", part, got)
		}
	}
}

// left counts the manifests that are still there.
func (s *shelf) left() (n int) {
	for _, digest := range s.digests {
		if _, err := remote.Head(s.at.Digest(digest)); err == nil {
			n++
		}
	}
	return n
}

func TestRetention(t *testing.T) {
	s := newShelf(t)
	text, _ := s.run(cli.ExitDone, "plan")
	s.wants(text, "4 of 10 manifests go", "delete  "+s.digests[0], "100 days", "no rule keeps it",
		"keep 1: in channel os/next", "keep 5: rollback target of channel os/next")
	text, _ = s.run(cli.ExitDone, "plan", "--output", "json")
	var plans []retention.Plan
	s.must(json.Unmarshal([]byte(text), &plans))
	s.must(os.WriteFile(s.path("plan.json"), []byte(text), 0o600))
	apply := []string{"apply", "--plan", s.path("plan.json"), "--delete-auth", s.path("delete.json")}

	_, note := s.run(cli.ExitDone, apply...)
	s.wants(note, "nothing is deleted", "on this machine is asked without any credential")
	if s.left() != 10 {
		t.Fatalf("without --confirm %d of 10 are left", s.left())
	}
	img, err := remote.Image(s.at.Digest(s.digests[1]))
	s.must(err)
	s.must(remote.Tag(s.at.Tag("v1.0.0"), img))
	text, _ = s.run(cli.ExitDone, append(apply, "--confirm")...)
	s.wants(text, "3 deleted, 0 gone before, 1 kept, 0 set aside", "kept  "+s.digests[1], "version tag", "what was deleted lies in")
	if s.left() != 7 {
		t.Errorf("%d are left, want 7", s.left())
	}
	text, _ = s.run(cli.ExitDone, append(apply, "--confirm")...)
	s.wants(text, "0 deleted, 3 gone before, 1 kept")
	text, _ = s.run(cli.ExitDone, "apply", "--delete-auth", s.path("delete.json"), "--confirm")
	s.wants(text, "0 deleted, 0 gone before, 0 kept")
}

func TestRetentionStops(t *testing.T) {
	s := newShelf(t)
	deletes := []string{"--delete-auth", s.path("delete.json"), "--confirm"}
	_, said := s.run(cli.ExitMisused, "apply", "--confirm")
	s.wants(said, "--delete-auth is missing")
	_, said = s.run(cli.ExitMisused, "plan", "--max-share", "7")
	s.wants(said, "--max-share is 7")
	text, said := s.run(cli.ExitFailed, "plan", "--max-share", "0.3")
	s.wants(text, "4 of 10 manifests go")
	s.wants(said, "4 of 10 manifests would go, which is 40 %, and no more than 30 % may")
	_, said = s.run(cli.ExitFailed, append([]string{"apply", "--max-share", "0.3"}, deletes...)...)
	s.wants(said, "no more than 30 % may")

	text, _ = s.run(cli.ExitDone, "plan", "--output", "json")
	s.must(os.WriteFile(s.path("plan.json"), []byte(strings.ReplaceAll(text, s.digests[0], s.digests[9])), 0o600))
	_, said = s.run(cli.ExitFailed, append([]string{"apply", "--plan", s.path("plan.json")}, deletes...)...)
	s.wants(said, "its hash is")

	s.configure("rc-.*")
	_, said = s.run(cli.ExitFailed, append([]string{"apply"}, deletes...)...)
	s.wants(said, "rule 1 (tags rc-.*) of artifacts os speaks of no tag at all")
	if s.left() != 10 {
		t.Errorf("%d of 10 are left", s.left())
	}
}
