package openqa

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// DiskSetting is the setting of openQA that names the disk of a machine.
const DiskSetting = "HDD_1"

// Suite is what is run on a disk: jobs, with the settings that openQA makes them of.
type Suite struct {
	Settings Settings   `json:"settings"` // of all jobs
	Jobs     []SuiteJob `json:"jobs"`
}

// SuiteJob is one job of a suite. Name is openQA's TEST.
type SuiteJob struct {
	Name       string   `json:"name"`
	Settings   Settings `json:"settings,omitempty"`
	Softfailed bool     `json:"allow-softfailed,omitempty"`
	Modules    []string `json:"modules,omitempty"`  // that must run, and pass
	After      []string `json:"after,omitempty"`    // jobs that must have passed before
	Parallel   []string `json:"parallel,omitempty"` // jobs that run at the same time
}

// Settings are openQA's variables.
type Settings map[string]string

// UnmarshalJSON takes text and whole numbers. 1.10 would be read as 1.1.
func (s *Settings) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*s = Settings{}
	for name, value := range raw {
		var text string
		if json.Unmarshal(value, &text) != nil {
			if text = string(value); !wholeNumber.MatchString(text) {
				return fmt.Errorf("setting %s is %s, neither text nor a whole number; write it in quotes", name, value)
			}
		}
		(*s)[name] = text
	}
	return nil
}

var (
	wholeNumber = regexp.MustCompile(`^-?[0-9]+$`)
	jobName     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)
	settingName = regexp.MustCompile(`^[A-Z][A-Z0-9_.]*$`)
)

// ours are the settings that a suite cannot have, and why.
var ours = map[string]string{
	"TEST": "is the job's name", "BUILD": "names the run",
	DiskSetting: "is the disk under test", DiskSetting + "_URL": "is the disk under test",
	"SLIPWAY_RUN": "names the run", "SLIPWAY_DISK": "is the disk under test", "SLIPWAY_BUILD": "names the run",
}

// ParseSuite reads a suite and refuses one that openQA could not run as it says.
func ParseSuite(data []byte) (Suite, error) {
	var s Suite
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return Suite{}, err
	}
	if len(s.Jobs) == 0 {
		return Suite{}, fmt.Errorf("it has no jobs")
	}
	if err := checkSettings(s.Settings); err != nil {
		return Suite{}, err
	}
	names := map[string]bool{}
	for _, job := range s.Jobs {
		if !jobName.MatchString(job.Name) {
			return Suite{}, fmt.Errorf("%q is no name of a job; use letters, digits, dots, dashes and underscores, at most 100", job.Name)
		}
		if names[job.Name] {
			return Suite{}, fmt.Errorf("two jobs are called %s", job.Name)
		}
		names[job.Name] = true
	}
	for _, job := range s.Jobs {
		if err := s.check(job, names); err != nil {
			return Suite{}, fmt.Errorf("job %s: %w", job.Name, err)
		}
	}
	return s, s.checkOrder()
}

func checkSettings(settings Settings) error {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if why, is := ours[name]; is {
			return fmt.Errorf("setting %s %s; leave it out", name, why)
		}
		if !settingName.MatchString(name) {
			return fmt.Errorf("%q is no name of a setting; use capital letters, digits and underscores", name)
		}
	}
	return nil
}

func (s Suite) check(job SuiteJob, names map[string]bool) error {
	if err := checkSettings(job.Settings); err != nil {
		return err
	}
	for _, name := range []string{"DISTRI", "VERSION", "FLAVOR", "ARCH"} {
		if job.Settings[name] == "" && s.Settings[name] == "" {
			return fmt.Errorf("setting %s is missing, by which openQA finds tests and workers", name)
		}
	}
	for _, other := range slices.Concat(job.After, job.Parallel) {
		if !names[other] || other == job.Name {
			return fmt.Errorf("it names %s, which is no other job of the suite", other)
		}
	}
	return nil
}

// checkOrder refuses jobs that wait for each other.
func (s Suite) checkOrder() error {
	waiting := map[string][]string{}
	for _, job := range s.Jobs {
		waiting[job.Name] = job.After
	}
	for len(waiting) > 0 {
		before := len(waiting)
		for name, after := range waiting {
			if !slices.ContainsFunc(after, func(other string) bool { _, waits := waiting[other]; return waits }) {
				delete(waiting, name)
			}
		}
		if len(waiting) == before {
			return fmt.Errorf("these jobs wait for each other: %s", strings.Join(slices.Sorted(maps.Keys(waiting)), ", "))
		}
	}
	return nil
}

// Disk is what is tested.
type Disk struct {
	Digest string // sha256:HEX
	Format string // as its file's name ends: qcow2
	URL    string // where openQA fetches it; empty if it has it
}

// Asset is what the disk is called in openQA: by its content, so that two disks are never
// taken for one.
func (d Disk) Asset() string {
	return "slipway-" + strings.TrimPrefix(d.Digest, "sha256:") + "." + d.Format
}

// Plan is what is asked of openQA.
type Plan struct {
	Suite Suite
	Disk  Disk
	Build string // openQA's BUILD, which is the run's name
	ID    string // the caller's name of the run, as BUILD_ID
}

// NewPlan makes the plan. Equal suites on equal disks under one id are one run.
func NewPlan(suite Suite, disk Disk, id string) (Plan, error) {
	text, err := json.Marshal(suite)
	if err != nil {
		return Plan{}, fmt.Errorf("name the run: %w", err)
	}
	sum := sha256.Sum256([]byte(disk.Digest + "\n" + id + "\n" + string(text)))
	return Plan{Suite: suite, Disk: disk, ID: id, Build: "slipway-" + hex.EncodeToString(sum[:12])}, nil
}

// Form is the request that submits all jobs at once: settings of one job end in its name.
func (p Plan) Form() url.Values {
	form := url.Values{}
	for name, value := range p.Suite.Settings {
		form.Set(name, value)
	}
	form.Set("BUILD", p.Build)
	form.Set("SLIPWAY_RUN", p.Build)
	form.Set("SLIPWAY_BUILD", p.ID)
	form.Set("SLIPWAY_DISK", p.Disk.Digest)
	form.Set(DiskSetting, p.Disk.Asset())
	if p.Disk.URL != "" {
		form.Set(DiskSetting+"_URL", p.Disk.URL)
	}
	for _, job := range p.Suite.Jobs {
		form.Set("TEST:"+job.Name, job.Name)
		for name, value := range job.Settings {
			form.Set(name+":"+job.Name, value)
		}
		if len(job.After) > 0 {
			form.Set("_START_AFTER:"+job.Name, strings.Join(job.After, ","))
		}
		if len(job.Parallel) > 0 {
			form.Set("_PARALLEL:"+job.Name, strings.Join(job.Parallel, ","))
		}
	}
	return form
}

// Rules are what a job of the plan must fulfil.
func (p Plan) Rules(job SuiteJob) Rules {
	return Rules{Softfailed: job.Softfailed, Modules: job.Modules, Disk: p.Disk.Asset()}
}
