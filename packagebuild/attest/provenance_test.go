package attest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

func TestProvenance(t *testing.T) {
	got, err := Provenance(sampleBuild(), []Artifact{sampleArtifact()})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "provenance.json", got)
	checkClean(t, got)
	again, err := Provenance(sampleBuild(), []Artifact{sampleArtifact()})
	if err != nil || !bytes.Equal(got, again) {
		t.Errorf("the same build gave other bytes (%v)", err)
	}
}

// What other people's verifiers parse with.
func TestProvenanceReadsBack(t *testing.T) {
	build := sampleBuild()
	build.Invocation = "1234"
	build.Started = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	build.Finished = build.Started.Add(time.Minute)
	text, err := Provenance(build, []Artifact{sampleArtifact()})
	if err != nil {
		t.Fatal(err)
	}
	var statement intoto.Statement
	if err := protojson.Unmarshal(text, &statement); err != nil {
		t.Fatal(err)
	}
	if err := statement.Validate(); err != nil {
		t.Error(err)
	}
	predicate, err := protojson.Marshal(statement.Predicate)
	if err != nil {
		t.Fatal(err)
	}
	var made provenance.Provenance
	if err := protojson.Unmarshal(predicate, &made); err != nil {
		t.Fatal(err)
	}
	if err := made.Validate(); err != nil {
		t.Error(err)
	}
	metadata := made.GetRunDetails().GetMetadata()
	if metadata.GetInvocationId() != "1234" || metadata.GetFinishedOn().AsTime() != build.Finished {
		t.Errorf("metadata %v, want the run's", metadata)
	}
}

func TestProvenanceRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Build, *Artifact)
		want   string
	}{
		{"no builder", func(b *Build, _ *Artifact) { b.Builder = "" }, "builder"},
		{"no digest", func(_ *Build, a *Artifact) { a.SHA256 = "" }, "digest"},
		{"short commit", func(b *Build, _ *Artifact) { b.Request.Source.Commit = "0123456" }, "digest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			build, artifact := sampleBuild(), sampleArtifact()
			test.change(&build, &artifact)
			_, err := Provenance(build, []Artifact{artifact})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "deb12") {
				t.Errorf("error %v, want one about the %s of deb12", err, test.want)
			}
		})
	}
}

// A presubmit builds a merge: every commit that went in is named.
func TestProvenanceOfAMerge(t *testing.T) {
	build := sampleBuild()
	base := strings.Repeat("b", 40)
	build.Request.Source.Merged = []string{base}
	text, err := Provenance(build, []Artifact{sampleArtifact()})
	if err != nil {
		t.Fatal(err)
	}
	for _, commit := range []string{build.Request.Source.Commit, base} {
		if !strings.Contains(string(text), `"gitCommit": "`+commit+`"`) {
			t.Errorf("the statement does not name commit %s", commit)
		}
	}
}
