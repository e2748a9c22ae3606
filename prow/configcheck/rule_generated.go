package configcheck

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// generatedMark is in the first line of a file that is generated.
const generatedMark = "slipway job generate"

// generatedFresh compares what lies in jobs/ with what config/flows gives.
func generatedFresh(t *tree) []Finding {
	var findings []Finding
	for _, file := range slices.Sorted(maps.Keys(t.generated)) {
		have, err := os.ReadFile(t.path(file))
		switch {
		case err != nil:
			findings = append(findings, Finding{File: file, Problem: "it is generated, and not there", Cure: "run: " + generatedMark})
		case !bytes.Equal(have, t.generated[file]):
			findings = append(findings, Finding{File: file, Problem: "it is not what its flow gives", Cure: "change the flow, and run: " + generatedMark})
		}
	}
	for _, file := range t.markedFiles() {
		if _, ok := t.generated[file]; !ok {
			findings = append(findings, Finding{File: file, Problem: "it was generated, and its flow is gone", Cure: "delete it"})
		}
	}
	return findings
}

// markedFiles are the files of jobs/ whose first line says that they were generated.
func (t *tree) markedFiles() []string {
	var files []string
	_ = filepath.WalkDir(t.path(JobsFolder), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return nil // what cannot be read has stopped Prow's loader before
		}
		data, _ := os.ReadFile(path)
		line, _, _ := strings.Cut(string(data), "\n")
		if relative, err := filepath.Rel(t.checkout, path); err == nil && strings.Contains(line, generatedMark) {
			files = append(files, filepath.ToSlash(relative))
		}
		return nil
	})
	return files
}

// ofTrack is the name of a job of a flow's track, as in crostini-guest.74.guest_tools.
var ofTrack = regexp.MustCompile(`^([^.]+)\.([0-9]+)\.`)

// tracksAreThere asks of jobs that were written by hand what the generated ones cannot
// get wrong.
func tracksAreThere(t *tree) []Finding {
	tracks := map[string][]string{} // by project
	for _, j := range t.jobs {
		if m := ofTrack.FindStringSubmatch(j.Name); m != nil && t.generated[j.file] != nil {
			tracks[m[1]] = append(tracks[m[1]], m[2])
		}
	}
	return eachJob(func(_ *tree, j job, found say) {
		m := ofTrack.FindStringSubmatch(j.Name)
		if m == nil || tracks[m[1]] == nil || slices.Contains(tracks[m[1]], m[2]) {
			return
		}
		found(fmt.Sprintf("no flow of %s has a track %s", m[1], m[2]), "delete it, or add the track to config/flows")
	})(t)
}
