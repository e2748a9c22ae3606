// Package imports checks that the project's packages import each other, and
// others, only the ways that the table allows. It parses; it builds nothing.
package imports

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "slipway.dev/slipway/"

// rules name what may be imported from where. Paths match by prefix of whole
// elements; a package of this project is named without the module.
var rules = []struct {
	what   string
	from   []string // only these folders may import it
	reason string
}{
	{"os/exec", []string{"internal/exec"}, "one place starts programs, ends their process groups and words their failures"},
	{"k8s.io", []string{"prow", "config", "jobs", "bench", "internal/testkit/chatops"}, "a job binary that builds a package must not link Kubernetes"},
	{"sigs.k8s.io/prow", []string{"prow", "config", "jobs", "internal/testkit/chatops"}, "Prow's types stay under prow/ and in tests of its configuration"},
	{"cloud.google.com/go", []string{"internal/store/gcs", "internal/store/storeurl"}, "who speaks the store's interface links no cloud's SDK"},
	{"github.com/aws", []string{"internal/store/s3", "internal/store/storeurl"}, "who speaks the store's interface links no cloud's SDK"},
	{"internal/store/storeurl", []string{"internal/command", "prow/plugincmd", "internal/testkit/chatops"}, "only a command opens a store by URL"},
	{"internal/command", []string{"cmd", "images", "prow/jobcmd", "prow/configcmd", "prow/flowcmd", "prow/plugincmd", "internal/demo", "bench", "internal/testkit/chatops"}, "commands are the outermost layer"},
	{"internal/cli", []string{"cmd", "images", "internal/command", "prow/jobcmd", "prow/configcmd", "prow/flowcmd", "prow/gerrit/gerritcmd", "prow/plugincmd", "internal/demo", "internal/setup", "internal/fuzz", "internal/testkit/chatops"}, "only a command knows that it is one"},
	{"prow", []string{"cmd/slipway", "cmd/slipway-plugin", "images/pod-utilities", "images/config-check", "images/gerrit-trigger", "internal/demo", "bench", "images/slipway-plugin", "internal/testkit/chatops"}, "a job binary must not link Kubernetes through us either"},
	{"internal/podman", []string{"internal/image/build", "internal/command/imagecmd", "internal/demo", "prow", "bench"}, "what builds packages and releases needs no podman"},
	{"internal/image/build", []string{"internal/image/gotools", "internal/command/imagecmd", "prow/jobcmd", "bench"}, "the builder stands on the tree, never below it"},
	{"internal/image", []string{"internal/command/imagecmd", "prow", "bench"}, "job images know of the rest; the rest does not know of them"},
	{"daisy-builder", []string{"internal/command", "bench"}, "a release is made by a command"},
	{"packagebuild/build", []string{"daisy-builder", "internal/command", "internal/demo", "bench"}, "the builder stands on the formats, never below them"},
	{"packagebuild", []string{"packagebuild", "daisy-builder", "internal/command", "internal/demo", "bench"}, "versions, stores and releases know nothing of packages' building"},
	{"internal/channel", []string{"internal/gate", "internal/promotion", "internal/retention", "internal/command", "prow/configcheck", "prow/configrepo", "prow/plugincmd", "prow", "internal/testkit/chatops"}, "what signs, keeps and carries knows no configuration"},
	{"internal/ledger", []string{"internal/gate", "internal/promotion", "internal/retention", "internal/command", "internal/testkit/chatops"}, "what signs and carries knows no channels"},
	{"internal/lease", []string{"internal/promotion", "internal/retention", "internal/command/imagecmd/releasecmd"}, "only what acts for long has a lease, or waits for who has one"},
	{"internal/gate", []string{"internal/promotion"}, "a gate is judged where a plan is made, and nowhere else"},
	{"internal/promotion", []string{"internal/command", "prow/plugincmd", "prow/plugin", "internal/testkit/chatops"}, "a channel is moved by a command"},
	{"internal/promotion/proof", []string{"internal/command", "prow/plugincmd", "internal/testkit/chatops"}, "promotion judges facts; a command says where they come from"},
	{"internal/evidence", []string{"internal/promotion/proof", "internal/command", "internal/demo", "prow/plugin/promote", "internal/testkit/chatops"}, "a gate sees results and no signatures"},
	{"internal/evidence/importer", []string{"internal/command"}, "what test runners write is read where it becomes evidence"},
	{"internal/signing", []string{"internal/evidence", "internal/promotion/proof", "internal/command", "prow/plugincmd", "prow/plugin/promote", "internal/testkit/chatops"}, "a gate sees results and no signatures"},
	{"internal/tagsign", []string{"internal/promotion/proof"}, "a gate sees approvals and no signatures"},
	{"internal/flowstep", []string{"internal/command"}, "what runs in a flow's pods is a program of its own"},
	{"internal/filestore", []string{"internal/promotion"}, "only promotion moves a channel"},
	{"internal/retention", []string{"internal/command", "internal/promotion"}, "images are deleted by a command, and promotion sees which"},
	{"internal/oci", []string{"internal/disk", "internal/promotion", "internal/retention", "internal/imagediff", "internal/image/registry", "internal/command", "prow/plugincmd", "internal/testkit/chatops"}, "evidence and ledgers need no registry"},
	{"internal/imagediff", []string{"internal/command"}, "nothing is decided by how images differ"},
	{"internal/guest/runner", []string{"internal/command", "bench"}, "a guest is tested by a command; what boots it knows of no test"},
	{"internal/guest/plan", []string{"internal/guest/runner", "internal/command", "bench"}, "what is expected of a guest is nothing to what runs it"},
	{"internal/guest/report", []string{"internal/command", "bench"}, "a report is made where a run ends"},
	{"internal/qemu", []string{"internal/command", "internal/testkit/tinyguest", "bench"}, "a machine is started by a command"},
	{"internal/container", []string{"internal/command"}, "a container is started by a command"},
	{"internal/pairing", []string{"internal/command"}, "a pair is started by a command"},
	{"internal/disk", []string{"internal/command", "bench"}, "a disk is made by a command"},
	{"internal/disk/source", []string{"internal/disk", "internal/container", "internal/command"}, "layers are unpacked in one place"},
	{"internal/openqa", []string{"internal/command"}, "an openQA is asked by a command"},
	{"internal/tast", []string{"internal/command", "internal/evidence/importer"}, "a device is tested by a command"},
	{"github.com/sigstore", []string{"internal/signing"}, "of Sigstore the bundle's types are enough; cosign and sigstore-go stay out of go.mod"},
	{"github.com/ProtonMail/go-crypto", []string{"internal/tagsign"}, "OpenPGP is for git tags alone"},
	{"internal/testkit", []string{"internal/testkit", "internal/demo", "internal/store/storetest", "internal/container/containertest"}, "fakes are for tests and demos"},
}

// alone name what a folder may import of this project.
var alone = []struct {
	folder string
	may    []string
	reason string
}{
	{"internal/gate", []string{"internal/channel", "internal/ledger"}, "a verdict is a pure function of what is required and what is known"},
	{"internal/channel", nil, "the configuration is words, and knows of nothing that is done by it"},
	{"internal/ledger", []string{"internal/store"}, "a record is words in a store"},
	{"internal/signing", nil, "a signature is over bytes, whatever they say"},
	{"internal/guest/check", []string{"internal/guest"}, "a check sees a guest, whatever runs it"},
	{"internal/qemu", []string{"internal/guest", "internal/exec", "internal/scratch", "internal/progress"}, "a machine knows nothing of plans and reports"},
	{"internal/oci", []string{"internal/progress"}, "a registry's client knows nothing of what it carries"},
}

func TestImportsPointTheRightWay(t *testing.T) {
	checked := 0
	walk(t, func(file, imported string, test bool) {
		checked++
		if reason := refuse(filepath.ToSlash(filepath.Dir(file)), imported, test); reason != "" {
			t.Errorf("%s imports %s: %s", file, imported, reason)
		}
	})
	if checked < 100 {
		t.Errorf("only %d imports were checked; the walk does not see the tree", checked)
	}
}

// A rule that nothing can break proves nothing.
func TestRulesRefuse(t *testing.T) {
	tests := []struct{ folder, imported string }{
		{"internal/release", "os/exec"},
		{"packagebuild/deb", "k8s.io/api/core/v1"},
		{"internal/release", "cloud.google.com/go/storage"},
		{"internal/version", module + "packagebuild"},
		{"packagebuild/deb", module + "packagebuild/build"},
		{"internal/store", module + "internal/cli"},
		{"daisy-builder", module + "internal/testkit/gitrepo"},
		{"images/daisy-builder", module + "prow/local"},
		{"daisy-builder", module + "internal/podman"},
		{"internal/image", module + "internal/image/build"},
		{"internal/evidence", module + "internal/channel"},
		{"internal/oci", module + "internal/ledger"},
		{"internal/evidence", module + "internal/oci"},
		{"internal/release", module + "internal/lease"},
		{"internal/retention", module + "internal/gate"},
		{"internal/evidence", module + "internal/promotion"},
		{"internal/promotion", module + "internal/promotion/proof"},
		{"internal/promotion", module + "internal/evidence"},
		{"internal/promotion/proof", module + "internal/evidence/importer"},
		{"internal/promotion", module + "internal/signing"},
		{"internal/promotion", module + "internal/tagsign"},
		{"internal/command/promotecmd", module + "internal/filestore"},
		{"internal/filestore", module + "internal/retention"},
		{"internal/retention", module + "internal/promotion"},
		{"internal/promotion", module + "internal/imagediff"},
		{"internal/evidence", "github.com/sigstore/sigstore-go/pkg/bundle"},
		{"internal/signing", "github.com/ProtonMail/go-crypto/openpgp"},
		{"internal/gate", module + "internal/store"},
		{"internal/channel", module + "internal/store"},
		{"internal/ledger", module + "internal/progress"},
		{"internal/signing", module + "internal/store"},
		{"internal/oci", module + "internal/store"},
		{"internal/qemu", module + "internal/guest/runner"},
		{"internal/guest/check", module + "internal/qemu"},
		{"internal/disk", module + "internal/container"},
		{"internal/container", module + "internal/openqa"},
	}
	for _, tt := range tests {
		if refuse(tt.folder, tt.imported, false) == "" {
			t.Errorf("%s may import %s", tt.folder, tt.imported)
		}
	}
}

// refuse says why a file in folder must not import a package, or "". The most
// specific rule decides. Tests may use the testkit, and what lies beside them.
func refuse(folder, imported string, test bool) string {
	path := strings.TrimPrefix(imported, module)
	if test && (below(path, "internal/testkit") || path != imported) {
		return ""
	}
	for _, rule := range alone {
		if path != imported && below(folder, rule.folder) && !below(path, rule.folder) && !belowAny(path, rule.may) {
			return rule.reason
		}
	}
	best := -1
	for i, rule := range rules {
		if below(path, rule.what) && (best < 0 || len(rule.what) > len(rules[best].what)) {
			best = i
		}
	}
	if best < 0 || below(folder, rules[best].what) || belowAny(folder, rules[best].from) {
		return ""
	}
	return rules[best].reason
}

func belowAny(path string, parents []string) bool {
	return slices.ContainsFunc(parents, func(parent string) bool { return below(path, parent) })
}

func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// walk visits every import of every Go file of the repository.
func walk(t *testing.T, visit func(file, imported string, test bool)) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "out" || name == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			visit(relative, imported, strings.HasSuffix(name, "_test.go"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
