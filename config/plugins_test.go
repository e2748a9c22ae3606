package config

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/plugins"
	"sigs.k8s.io/prow/pkg/plugins/updateconfig"
	"sigs.k8s.io/prow/pkg/repoowners"
	"sigs.k8s.io/yaml"

	"slipway.dev/slipway/prow/annotation"
)

func loadPlugins(t *testing.T) *plugins.Configuration {
	t.Helper()
	agent := &plugins.ConfigAgent{}
	if err := agent.Load("plugins.yaml", nil, "", false, false); err != nil {
		t.Fatal(err)
	}
	return agent.Config()
}

// Every repository with jobs on GitHub has what gates a merge, and our own plugin.
func TestEveryRepositoryIsGated(t *testing.T) {
	pc := loadPlugins(t)
	gates := []string{"approve", "blunderbuss", "hold", "lgtm", "owners-label", "size", "trigger", "verify-owners", "wip"}
	events := []string{"issue_comment", "pull_request", "pull_request_review", "push"}
	for repo := range load(t).PresubmitsStatic {
		if strings.HasPrefix(repo, "http") {
			continue // Gerrit's
		}
		org, _, _ := strings.Cut(repo, "/")
		have := append(slices.Clone(pc.Plugins[org].Plugins), pc.Plugins[repo].Plugins...)
		for _, gate := range gates {
			if !slices.Contains(have, gate) {
				t.Errorf("%s has no plugin %s", repo, gate)
			}
		}
		external := append(slices.Clone(pc.ExternalPlugins[org]), pc.ExternalPlugins[repo]...)
		i := slices.IndexFunc(external, func(p plugins.ExternalPlugin) bool { return p.Name == "slipway-plugin" })
		if i < 0 || !slices.Equal(external[i].Events, events) {
			t.Errorf("%s: slipway-plugin gets not the events %v", repo, events)
		}
	}
}

// A hold that Tide does not know holds nothing, and a label that nobody made cannot be set.
func TestLabels(t *testing.T) {
	declared := labels(t)
	loaded := load(t)
	query := loaded.Tide.Queries[0]
	for name := range declared {
		if strings.HasPrefix(name, "do-not-merge") && !slices.Contains(query.MissingLabels, name) {
			t.Errorf("Tide merges what has label %s", name)
		}
	}
	used := slices.Concat(query.Labels, query.MissingLabels, loadPlugins(t).Label.AdditionalLabels, []string{loaded.Tide.BlockerLabel})
	for _, restricted := range loadPlugins(t).Label.RestrictedLabels["*"] {
		used = append(used, restricted.Label)
	}
	visitJobs(loaded, func(_ prowapi.ProwJobType, repo string, job config.JobBase) {
		if label := job.Annotations[annotation.TriggerLabel]; label != "" && !strings.HasPrefix(repo, "http") {
			used = append(used, label)
		}
	})
	for _, name := range used {
		if !declared[name] {
			t.Errorf("label %s is used and not in labels.yaml", name)
		}
	}
}

// labels reads labels.yaml as strictly as label_sync does.
func labels(t *testing.T) map[string]bool {
	t.Helper()
	type list struct {
		Labels []struct {
			Name, Color, Description, Target, ProwPlugin, AddedBy string
			IsExternalPlugin                                      bool
		}
	}
	var file struct {
		Default list
		Repos   map[string]list
	}
	data, err := os.ReadFile("labels.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		t.Fatal(err)
	}
	all := file.Default.Labels
	for _, repo := range file.Repos {
		all = append(all, repo.Labels...)
	}
	names := map[string]bool{}
	color := regexp.MustCompile(`^[0-9a-f]{6}$`)
	for _, l := range all {
		switch {
		case names[l.Name]:
			t.Errorf("label %s is there twice", l.Name)
		case !color.MatchString(l.Color), l.Description == "", len(l.Description) > 100, l.AddedBy == "":
			t.Errorf("label %s: wrong color %q, description %q or addedBy %q", l.Name, l.Color, l.Description, l.AddedBy)
		case !slices.Contains([]string{"prs", "issues", "both"}, l.Target):
			t.Errorf("label %s is for %s", l.Name, l.Target)
		}
		names[l.Name] = true
	}
	return names
}

// A merge of this repository puts every file that Prow reads into the ConfigMap that
// its component mounts, under a key of its own, and small enough.
func TestConfigUpdaterCarriesEverything(t *testing.T) {
	var changes []github.PullRequestChange
	for _, dir := range []string{"config", "jobs"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				changes = append(changes, github.PullRequestChange{Filename: strings.TrimPrefix(filepath.ToSlash(path), "../"), Status: "modified"})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pc := loadPlugins(t)
	where := map[string]string{}
	size := map[string]int{}
	for id, updates := range updateconfig.FilterChanges(pc.ConfigUpdater, changes, "prow", false, logrus.NewEntry(logrus.New())) {
		if id.Namespace != "prow" || id.Cluster != "default" {
			t.Errorf("ConfigMap %s goes to namespace %s of cluster %s", id.Name, id.Namespace, id.Cluster)
		}
		keys := map[string]bool{}
		for _, u := range updates {
			if keys[u.Key] {
				t.Errorf("ConfigMap %s has key %s twice", id.Name, u.Key)
			}
			keys[u.Key] = true
			where[u.Filename] = id.Name
			size[id.Name] += stored(t, u)
		}
	}
	for _, c := range changes {
		want := map[string]string{"config/config.yaml": "config", "config/plugins.yaml": "plugins"}[c.Filename]
		if strings.HasPrefix(c.Filename, "jobs/") && strings.HasSuffix(c.Filename, ".yaml") {
			want = "job-config"
		}
		if where[c.Filename] != want {
			t.Errorf("%s goes into ConfigMap %q, want %q", c.Filename, where[c.Filename], want)
		}
	}
	for name, bytes := range size {
		if bytes > 700_000 { // base64 makes 1 MiB of it
			t.Errorf("ConfigMap %s has %d bytes; give it partitioned_names", name, bytes)
		}
	}
}

// stored is how many bytes a file takes in its ConfigMap. Prow reads plugins.yaml plain.
func stored(t *testing.T, u updateconfig.ConfigMapUpdate) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", u.Filename))
	if err != nil {
		t.Fatal(err)
	}
	if (u.Filename == "config/plugins.yaml") == u.GZIP {
		t.Errorf("%s is compressed: %v", u.Filename, u.GZIP)
	}
	if !u.GZIP {
		return len(data)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(data)
	_ = w.Close()
	return packed.Len()
}

// Who may approve a promotion is said in the channel's own folder and inherited by nobody.
func TestApproversInheritNothing(t *testing.T) {
	aliases := readAliases(t)
	files, err := filepath.Glob("approvers/*/OWNERS")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		owners, err := repoowners.LoadSimpleConfig(data)
		if err != nil {
			t.Fatal(err)
		}
		if !owners.Options.NoParentOwners {
			t.Errorf("%s inherits the approvers of the folders above", file)
		}
		people := aliases.ExpandAlias(owners.Approvers[0])
		if len(people) < 2 {
			t.Errorf("%s has the approvers %v: one is too few, for who asks does not count", file, people)
		}
	}
}

func readAliases(t *testing.T) repoowners.RepoAliases {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "OWNERS_ALIASES"))
	if err != nil {
		t.Fatal(err)
	}
	aliases, err := repoowners.ParseAliasesConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	return aliases
}
