package configcheck

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/prow/pkg/config"
	"sigs.k8s.io/prow/pkg/plugins"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/git"
)

// The files of a configuration, from the checkout's root.
const (
	ConfigFile   = "config/config.yaml"
	PluginsFile  = "config/plugins.yaml"
	JobsFolder   = "jobs"
	channelsFile = "config/channels.yaml"
	labelsFile   = "config/labels.yaml"
)

// tree is a configuration, loaded.
type tree struct {
	checkout  string
	settings  settings
	prow      *config.Config
	plugins   *plugins.Configuration // nil if there is none
	channels  *channel.Config
	owners    owners
	labels    map[string]bool // nil if there is no file
	jobs      []job
	files     map[string][]string // of repositories that can be looked at, by ORG/NAME
	generated map[string][]byte   // what should be, by path; nil if that is not known
	unseen    []string
}

// load reads everything. Where something cannot be read, the tree is nil and the
// report says of each such file why.
func load(ctx context.Context, o Options) (*tree, Report, error) {
	var report Report
	t := &tree{checkout: o.Checkout}
	for _, step := range []struct {
		file string
		load func() error
		cure string
	}{
		{settingsFile, func() (err error) { t.settings, err = loadSettings(o.Checkout); return err }, "docs/check-config.md says what it holds"},
		{ConfigFile, t.loadProw, "mend what Prow's loader names"},
		{PluginsFile, t.loadPlugins, "mend what Prow's loader names"},
		{channelsFile, t.loadChannels, "docs/channels.md says what it holds"},
		{"OWNERS", func() (err error) { t.owners, err = loadOwners(o.Checkout); return err }, "mend the files OWNERS and OWNERS_ALIASES"},
		{labelsFile, t.loadLabels, "it is a configuration of label_sync"},
		{"config/flows", func() error { return t.generate(ctx, o) }, "mend the flow"},
	} {
		if err := step.load(); err != nil {
			text := strings.ReplaceAll(err.Error(), o.Checkout+string(filepath.Separator), "")
			report.Findings = append(report.Findings, Finding{File: step.file, Rule: ruleLoads, Problem: text, Cure: step.cure})
		}
	}
	if len(report.Findings) > 0 {
		return nil, report, nil
	}
	return t, report, t.list(ctx, o.Folders)
}

func (t *tree) path(name string) string { return filepath.Join(t.checkout, filepath.FromSlash(name)) }

func (t *tree) loadProw() (err error) {
	logrus.SetLevel(logrus.WarnLevel)
	t.prow, err = config.LoadStrict(t.path(ConfigFile), t.path(JobsFolder), nil, "")
	// Loading has set the level at which Prow's components log.
	logrus.SetLevel(logrus.WarnLevel)
	if err == nil {
		t.jobs = allJobs(t.prow, t.checkout)
	}
	return err
}

func (t *tree) loadPlugins() error {
	if !t.has(PluginsFile) {
		t.unseen = append(t.unseen, "plugins: there is no "+PluginsFile)
		return nil
	}
	var agent plugins.ConfigAgent
	if err := agent.Load(t.path(PluginsFile), nil, "", false, false); err != nil {
		return err
	}
	t.plugins = agent.Config()
	return nil
}

func (t *tree) loadChannels() (err error) {
	t.channels, err = channel.Load(t.path(channelsFile))
	return err
}

func (t *tree) generate(ctx context.Context, o Options) (err error) {
	if o.Generated != nil {
		t.generated, err = o.Generated(ctx, o.Checkout)
	}
	return err
}

func (t *tree) has(name string) bool {
	_, err := os.Stat(t.path(name))
	return err == nil
}

// list lists the files of the repositories that are here.
func (t *tree) list(ctx context.Context, folders map[string]string) error {
	t.files = map[string][]string{}
	for repository, folder := range folders {
		if err := t.listOne(ctx, repository, folder); err != nil {
			return err
		}
	}
	if t.files[t.settings.Repository] == nil {
		return t.listOne(ctx, t.settings.Repository, t.checkout)
	}
	return nil
}

// listOne lists what is or could be tracked: a file counts before `git add`.
func (t *tree) listOne(ctx context.Context, repository, folder string) error {
	out, err := git.Run(ctx, git.Command{
		Args: []string{"-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"},
	})
	if err != nil {
		return fmt.Errorf("list the files of %s in %s: %w; name a git checkout", repository, folder, err)
	}
	t.files[repository] = strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	return nil
}
