package flow

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// header is the first line of every generated file.
const header = "# Generated from config/flows/%s by `slipway job generate`. Change that file and run it again.\n"

// Folders of a checkout.
const (
	flowsFolder = "config/flows"
	jobsFolder  = "jobs"
)

// JobFile is where a project's jobs lie in a checkout: its repository's organization,
// without the scheme of Gerrit's, and its name.
func (p *Project) JobFile() string {
	_, host, found := strings.Cut(p.Repository.Org, "://")
	if !found {
		host = p.Repository.Org
	}
	return path.Join(jobsFolder, host, p.Name+".yaml")
}

// YAML are the project's jobs as its file holds them. The same flows give the same bytes.
func (p *Project) YAML() ([]byte, error) {
	jobs, err := p.Jobs()
	if err != nil {
		return nil, err
	}
	text, err := jobs.yaml()
	name := p.Name + ".yaml"
	if p.Path != "" {
		name = filepath.Base(p.Path)
	}
	return append(fmt.Appendf(nil, header, name), text...), err
}

func (j Jobs) yaml() ([]byte, error) {
	text, err := yaml.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("write jobs: %w", err)
	}
	return text, nil
}

// Generated are the files that the flows of a checkout give, by their path in it.
func Generated(_ context.Context, checkout string) (map[string][]byte, error) {
	projects, err := LoadFolder(filepath.Join(checkout, flowsFolder))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, p := range projects {
		if files[p.JobFile()], err = p.YAML(); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Change is a generated file of a checkout that is not what its flow gives.
type Change struct {
	Path string `json:"path"`
	Why  string `json:"why"`
	text []byte // what it should be; nil is gone
}

// Stale finds every generated file that is not fresh, and those whose flow is gone.
func Stale(ctx context.Context, checkout string) ([]Change, error) {
	wanted, err := Generated(ctx, checkout)
	if err != nil {
		return nil, err
	}
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		have, err := os.ReadFile(filepath.Join(checkout, name))
		switch {
		case os.IsNotExist(err):
			changes = append(changes, Change{name, "is missing", wanted[name]})
		case err != nil:
			return nil, fmt.Errorf("read generated jobs: %w", err)
		case !generated(have):
			return nil, fmt.Errorf("%s is in the way of the jobs of a flow and was written by hand; move it, or give the flow's project another name", name)
		case !bytes.Equal(have, wanted[name]):
			changes = append(changes, Change{name, "is not what its flow gives", wanted[name]})
		}
	}
	left, err := leftovers(checkout, wanted)
	return append(changes, left...), err
}

// leftovers are files that say of themselves that they are generated, and are not wanted.
func leftovers(checkout string, wanted map[string][]byte) ([]Change, error) {
	var left []Change
	jobs := filepath.Join(checkout, jobsFolder)
	err := filepath.WalkDir(jobs, func(full string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) && full == jobs {
			return nil
		}
		if err != nil || entry.IsDir() || filepath.Ext(full) != ".yaml" {
			return err
		}
		name, err := filepath.Rel(checkout, full)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(full)
		if _, ok := wanted[filepath.ToSlash(name)]; err == nil && !ok && generated(text) {
			left = append(left, Change{filepath.ToSlash(name), "comes of no flow any more", nil})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read generated jobs: %w", err)
	}
	return left, nil
}

// generated says whether a file says of itself that it is.
func generated(text []byte) bool {
	begin, _, _ := strings.Cut(header, "%s")
	return bytes.HasPrefix(text, []byte(begin))
}

// Apply makes files of a checkout fresh, each whole or not at all.
func Apply(checkout string, changes []Change) error {
	for _, c := range changes {
		if err := c.apply(filepath.Join(checkout, c.Path)); err != nil {
			return fmt.Errorf("write generated jobs: %w", err)
		}
	}
	return nil
}

func (c Change) apply(file string) error {
	if c.text == nil {
		return os.Remove(file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, c.text, 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, file)
}
