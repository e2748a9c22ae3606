package jobenv

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slipway.dev/slipway/internal/checkout"
)

func TestRead(t *testing.T) {
	pull := []checkout.Pull{{Number: 12, SHA: "abc"}}
	tests := []struct {
		name string
		env  map[string]string
		want Job
	}{
		{name: "without Prow"},
		{
			name: "single variables",
			env: map[string]string{
				"JOB_TYPE": "presubmit", "REPO_OWNER": "org", "REPO_NAME": "repo", "PULL_BASE_REF": "main",
				"PULL_BASE_SHA": "def", "PULL_NUMBER": "12", "PULL_PULL_SHA": "abc", "ARTIFACTS": "/logs",
			},
			want: Job{
				Type: Presubmit, Org: "org", Repo: "repo", CloneURI: "https://github.com/org/repo.git",
				BaseRef: "main", BaseSHA: "def", Pulls: pull, Artifacts: "/logs",
			},
		},
		{
			name: "JOB_SPEC wins",
			env: map[string]string{
				"JOB_TYPE": "periodic", "REPO_OWNER": "other",
				"JOB_SPEC": `{"type":"presubmit","job":"build","buildid":"7","refs":{"org":"org","repo":"repo","base_ref":"main",
					"base_sha":"def","clone_uri":"file:///src/repo","pulls":[{"number":12,"sha":"abc","author":"a"}]}}`,
			},
			want: Job{
				Type: Presubmit, Name: "build", BuildID: "7", Org: "org", Repo: "repo", CloneURI: "file:///src/repo",
				BaseRef: "main", BaseSHA: "def", Pulls: pull,
			},
		},
		{
			name: "JOB_SPEC without a type leaves JOB_TYPE",
			env: map[string]string{
				"JOB_TYPE": "presubmit", "PULL_NUMBER": "12", "PULL_PULL_SHA": "abc",
				"JOB_SPEC": `{"refs":{"org":"org","repo":"repo","base_sha":"def"}}`,
			},
			want: Job{Type: Presubmit, Org: "org", Repo: "repo", CloneURI: "https://github.com/org/repo.git", BaseSHA: "def", Pulls: pull},
		},
		{
			name: "a change of Gerrit names its ref",
			env: map[string]string{"JOB_SPEC": `{"type":"presubmit","refs":{"org":"https://host","repo":"name","clone_uri":"https://host/name",
				"pulls":[{"number":7,"sha":"abc","ref":"refs/changes/07/7/2"}]}}`},
			want: Job{Type: Presubmit, Org: "https://host", Repo: "name", CloneURI: "https://host/name",
				Pulls: []checkout.Pull{{Number: 7, SHA: "abc", Ref: "refs/changes/07/7/2"}}},
		},
		{
			name: "a periodic takes its first extra ref",
			env:  map[string]string{"JOB_SPEC": `{"type":"periodic","extra_refs":[{"org":"org","repo":"repo","base_ref":"main"}]}`},
			want: Job{Type: Periodic, Org: "org", Repo: "repo", BaseRef: "main", CloneURI: "https://github.com/org/repo.git"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Read(func(key string) string { return tt.env[key] })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	tests := []struct{ key, value, want string }{
		{"JOB_SPEC", "{", "parse JOB_SPEC"},
		{"PULL_NUMBER", "twelve", "no number"},
		{"JOB_TYPE", "cron", "must be presubmit"},
		{"JOB_TYPE", "presubmit", "PULL_NUMBER"},
	}
	for _, tt := range tests {
		_, err := Read(func(key string) string {
			if key == tt.key {
				return tt.value
			}
			return ""
		})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s=%s: got error %v, want one with %q", tt.key, tt.value, err, tt.want)
		}
	}
}

func TestBeforeMerge(t *testing.T) {
	for kind, want := range map[Type]bool{Presubmit: true, Batch: true, Postsubmit: false, Periodic: false, "": false} {
		if got := (Job{Type: kind}).BeforeMerge(); got != want {
			t.Errorf("%q: got %v, want %v", kind, got, want)
		}
	}
	if !(Job{Pulls: []checkout.Pull{{Number: 12}}}).BeforeMerge() {
		t.Error("a job with pull requests counts as merged")
	}
}
