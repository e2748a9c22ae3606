package configcheck

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/prow/annotation"
)

func decorated(_ *tree, j job, found say) {
	if j.Agent != string(prowapi.KubernetesAgent) {
		found("it runs by agent "+j.Agent, "write agent: kubernetes, or nothing")
	} else if j.DecorationConfig == nil {
		found("it is not decorated", "write decorate: true")
	}
}

// uniqueNames lets a name stand twice only where Prow sees to it that one of the two
// runs: for the same kind of event of one repository.
func uniqueNames(t *tree) []Finding {
	var findings []Finding
	first := map[string]job{}
	for _, j := range t.jobs {
		other, ok := first[j.Name]
		switch {
		case !ok:
			first[j.Name] = j
		case other.kind != j.kind || other.repository != j.repository:
			findings = append(findings, Finding{
				File: j.file, Job: j.Name, Problem: fmt.Sprintf("a %s of %s has its name", other.kind, other.file), Cure: "give it another",
			})
		}
	}
	return findings
}

func owned(t *tree, j job, found say) {
	switch owner := j.Annotations[annotation.Owner]; {
	case owner == "":
		found("it has no owner", "name an alias of "+aliasesFile+" in the annotation "+annotation.Owner)
	case !t.owners.knows(owner):
		found(fmt.Sprintf("its owner %s is neither an alias of %s nor named in an %s", owner, aliasesFile, ownersFile), "name one that is, in the annotation "+annotation.Owner)
	}
}

var digest = regexp.MustCompile(`@sha256:[0-9a-f]{64}$`)

// imagesOfTree looks at the job's containers and at Prow's own beside them.
func imagesOfTree(t *tree, j job, found say) {
	var names []string
	for _, c := range j.containers() {
		names = append(names, c.Image)
	}
	if j.DecorationConfig != nil && j.DecorationConfig.UtilityImages != nil {
		u := j.DecorationConfig.UtilityImages
		names = append(names, u.CloneRefs, u.InitUpload, u.Entrypoint, u.Sidecar)
	}
	slices.Sort(names)
	for _, reference := range slices.Compact(names) {
		name, ours := t.settings.imageName(reference)
		switch {
		case !ours:
			found(fmt.Sprintf("image %q is not of %s", reference, t.settings.Images), "build it from a folder of images/, or mirror it there")
		case !digest.MatchString(reference):
			found(fmt.Sprintf("image %s is not named by digest", reference), "write NAME@sha256:DIGEST, as `slipway image push` prints it")
		case strings.HasSuffix(reference, strings.Repeat("0", 64)):
			found(fmt.Sprintf("image %s has a digest of zeros", name), "push it, and write the digest that is printed")
		case !isImage(t.checkout, name):
			found(fmt.Sprintf("image %s is not in images/", name), "name one that `slipway image list` lists")
		}
	}
}

func isImage(checkout, name string) bool {
	files, err := filepath.Glob(filepath.Join(checkout, "images", filepath.FromSlash(name), "Dockerfile*"))
	return err == nil && len(files) > 0 && filepath.IsLocal(name)
}

func resourcesAsked(_ *tree, j job, found say) {
	for _, c := range j.containers() {
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
			found(fmt.Sprintf("container %q asks for no cpu or no memory", c.Name), "write resources: {requests: {cpu: \"1\", memory: 1Gi}}, or what it needs")
		}
	}
}

func timeouts(t *tree, j job, found say) {
	d, plank := j.DecorationConfig, t.prow.Plank.PodRunningTimeout
	if d == nil {
		return
	}
	if d.Timeout.Get() <= 0 || d.GracePeriod.Get() <= 0 {
		found("it has no timeout or no grace period", "write both into plank's default_decoration_config_entries")
	} else if total := d.Timeout.Get() + d.GracePeriod.Get(); total > plank.Duration {
		found(fmt.Sprintf("it may take %s, and plank ends its pod after %s", total, plank.Duration), "shorten its timeout, or lengthen plank's pod_running_timeout")
	}
}

func clusterKnown(t *tree, j job, found say) {
	c := t.settings.Clusters
	switch {
	case !slices.Contains(c.all(), j.Cluster):
		found(fmt.Sprintf("%s lists no cluster %s", settingsFile, j.Cluster), "name one of "+strings.Join(c.all(), ", "))
	case j.kind == prowapi.PresubmitJob && !slices.Contains(c.Untrusted, j.Cluster):
		found(fmt.Sprintf("it is a presubmit on cluster %s", j.Cluster), "write cluster: "+c.Untrusted[0])
	case j.kind != prowapi.PresubmitJob && !slices.Contains(c.Trusted, j.Cluster):
		if by := t.settings.published(j); by != "" {
			found(fmt.Sprintf("it publishes (%s) on cluster %s", by, j.Cluster), "write cluster: "+c.Trusted[0])
		}
	}
}

// TestGrid's annotations.
const (
	boards   = "testgrid-dashboards"
	boardTab = "testgrid-tab-name"
)

func uniqueTabs(t *tree) []Finding {
	var findings []Finding
	taken := map[[2]string]string{}
	for _, j := range t.jobs {
		tab := j.Annotations[boardTab]
		if tab == "" {
			tab = j.Name
		}
		for board := range strings.SplitSeq(j.Annotations[boards], ",") {
			board = strings.TrimSpace(board)
			other, ok := taken[[2]string{board, tab}]
			if board != "" && ok && other != j.Name {
				findings = append(findings, Finding{
					File: j.file, Job: j.Name, Problem: fmt.Sprintf("board %s has a tab %s for %s", board, tab, other), Cure: "name another in the annotation " + boardTab,
				})
			}
			taken[[2]string{board, tab}] = j.Name
		}
	}
	return findings
}
