package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	provenance "github.com/in-toto/attestation/go/predicates/provenance/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"slipway.dev/slipway/packagebuild"
)

// BuildType says how to read the parameters of our provenance: see docs/attestations.md.
const BuildType = "https://slipway.dev/packagebuild/v1"

// ProvenanceType is the predicate type of SLSA provenance.
const ProvenanceType = "https://slsa.dev/provenance/v1"

// Provenance is an in-toto statement, as JSON, that b made the artifacts.
func Provenance(b Build, artifacts []Artifact) ([]byte, error) {
	text, err := statement(b, artifacts)
	if err != nil {
		return nil, fmt.Errorf("write provenance of target %s: %w", b.Request.Target.Name, err)
	}
	return text, nil
}

func statement(b Build, artifacts []Artifact) ([]byte, error) {
	definition, err := b.definition()
	if err != nil {
		return nil, err
	}
	made := &provenance.Provenance{BuildDefinition: definition, RunDetails: b.runDetails()}
	if err := made.Validate(); err != nil {
		return nil, err
	}
	predicate := &structpb.Struct{}
	if err := remarshal(made, predicate); err != nil {
		return nil, err
	}
	out := &intoto.Statement{Type: intoto.StatementTypeUri, PredicateType: ProvenanceType, Predicate: predicate}
	for _, a := range artifacts {
		out.Subject = append(out.Subject, &intoto.ResourceDescriptor{
			Name: a.FileName(), Digest: map[string]string{"sha256": a.SHA256},
		})
	}
	if err := out.Validate(); err != nil {
		return nil, err
	}
	return stableJSON(out)
}

func (b Build) definition() (*provenance.BuildDefinition, error) {
	external, err := structpb.NewStruct(b.parameters())
	if err != nil {
		return nil, err
	}
	row, err := asMap(b.Request.Target)
	if err != nil {
		return nil, err
	}
	internal, err := structpb.NewStruct(map[string]any{"targetRow": row})
	if err != nil {
		return nil, err
	}
	return &provenance.BuildDefinition{
		BuildType:            BuildType,
		ExternalParameters:   external,
		InternalParameters:   internal,
		ResolvedDependencies: b.dependencies(),
	}, nil
}

// parameters are what whoever asked for the build could choose.
func (b Build) parameters() map[string]any {
	req := b.Request
	parameters := map[string]any{
		"repository": repositoryURL(req.Source),
		"commit":     req.Source.Commit,
		"target":     req.Target.Name,
		"version":    req.Version,
		"check":      req.Check,
	}
	if req.Source.BuildDir != "" {
		parameters["buildDir"] = req.Source.BuildDir
	}
	if extra := req.Source.Extra; extra != nil {
		parameters["extraRepository"] = repositoryURL(*extra)
		parameters["extraCommit"] = extra.Commit
	}
	return parameters
}

// dependencies are the sources, the toolchain and the packages of the root.
func (b Build) dependencies() []*intoto.ResourceDescriptor {
	var all []*intoto.ResourceDescriptor
	for source := &b.Request.Source; source != nil; source = source.Extra {
		if d := sourceDescriptor(*source); d != nil {
			all = append(all, d)
		}
		for _, commit := range source.Merged {
			with := *source
			with.Commit = commit
			if d := sourceDescriptor(with); d != nil {
				all = append(all, d)
			}
		}
	}
	if b.GoVersion != "" {
		all = append(all, &intoto.ResourceDescriptor{Name: "go", Uri: toolchainPURL(b.GoVersion)})
	}
	for _, d := range sorted(b.Root) {
		descriptor := &intoto.ResourceDescriptor{Name: d.Name, Uri: dependencyURL(d, b.Request.Target)}
		if d.SHA256 != "" {
			descriptor.Digest = map[string]string{"sha256": d.SHA256}
		}
		all = append(all, descriptor)
	}
	return all
}

func sourceDescriptor(source packagebuild.Source) *intoto.ResourceDescriptor {
	uri := sourceURI(source)
	if uri == "" {
		return nil
	}
	return &intoto.ResourceDescriptor{
		Name: source.Name(), Uri: uri, Digest: map[string]string{"gitCommit": source.Commit},
	}
}

func (b Build) runDetails() *provenance.RunDetails {
	details := &provenance.RunDetails{Builder: &provenance.Builder{Id: b.Builder}}
	metadata := &provenance.BuildMetadata{
		InvocationId: b.Invocation, StartedOn: timestamp(b.Started), FinishedOn: timestamp(b.Finished),
	}
	if !proto.Equal(metadata, &provenance.BuildMetadata{}) {
		details.Metadata = metadata
	}
	return details
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t.UTC().Truncate(time.Second))
}

// asMap is v as JSON would show it.
func asMap(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, json.Unmarshal(text, &out)
}

func remarshal(from, to proto.Message) error {
	text, err := protojson.Marshal(from)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(text, to)
}

// stableJSON is a message as JSON whose spaces do not depend on the binary, as
// those of protojson do on purpose.
func stableJSON(message proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	var compact, out bytes.Buffer
	err = errors.Join(json.Compact(&compact, text), json.Indent(&out, compact.Bytes(), "", "  "))
	out.WriteByte('\n')
	return out.Bytes(), err
}
