package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/oci"
)

// maxRecord is how large the record of a disk may be. They have a few kilobytes.
const maxRecord = 1 << 20

// artifact is a disk in a registry, as its manifest says it.
type artifact struct {
	digest   string
	manifest v1.Manifest
}

// find returns the image's disk of a form: the wanted one, or the only one. The error is
// oci.ErrAbsent if there is none yet.
func (p *pulling) find(ctx context.Context, format disk.Format) (artifact, error) {
	all, err := p.artifacts(ctx, format)
	if err != nil {
		return artifact{}, err
	}
	switch {
	case len(all) == 0:
		return artifact{}, fmt.Errorf("no %s disk refers to %s@%s: %w", format, p.image.Repository, p.image.Digest, oci.ErrAbsent)
	case len(all) > 1:
		var disks []string
		for _, a := range all {
			disks = append(disks, a.manifest.Layers[0].Digest.String())
		}
		return artifact{}, fmt.Errorf("%s has %d %s disks; name one by --disk: %s", p.image, len(all), format, strings.Join(disks, ", "))
	}
	return all[0], nil
}

// artifacts are the disks of a form that refer to the image, each of them once.
func (p *pulling) artifacts(ctx context.Context, format disk.Format) ([]artifact, error) {
	referrers, err := p.client.Referrers(ctx, p.image.Repository, p.image.Digest)
	if err != nil {
		return nil, err
	}
	var all []artifact
	for _, r := range referrers {
		if r.ArtifactType != ArtifactType && r.ArtifactType != string(recordType) { // some list the configuration's
			continue
		}
		a, err := p.artifact(ctx, r.Digest.String())
		if errors.Is(err, oci.ErrAbsent) { // deleted, and listed still
			continue
		}
		if err != nil {
			return nil, err
		}
		layer := a.manifest.Layers[0]
		same := func(b artifact) bool { return b.manifest.Layers[0].Digest == layer.Digest }
		if layer.MediaType != mediaType(format) || p.Disk != "" && p.Disk != layer.Digest.String() || slices.ContainsFunc(all, same) {
			continue
		}
		all = append(all, a)
	}
	return all, nil
}

func (p *pulling) artifact(ctx context.Context, digest string) (a artifact, err error) {
	m, err := p.client.Manifest(ctx, p.image.Repository, digest)
	if err != nil {
		return a, err
	}
	a.digest = digest
	if err := json.Unmarshal(m.Raw, &a.manifest); err != nil {
		return a, fmt.Errorf("parse manifest %s: %w", digest, err)
	}
	if subject := a.manifest.Subject; subject == nil || subject.Digest.String() != p.image.Digest || len(a.manifest.Layers) != 1 {
		return a, fmt.Errorf("artifact %s is no disk of %s; delete it", digest, p.image)
	}
	return a, nil
}

// record reads what the disk was made of, and sees that it is about this disk and this image.
func (p *pulling) record(ctx context.Context, a artifact) (*disk.Record, error) {
	config := a.manifest.Config
	if config.MediaType != recordType || config.Size > maxRecord {
		return nil, fmt.Errorf("artifact %s has no record of what the disk was made of; push the disk again", a.digest)
	}
	var raw bytes.Buffer
	err := p.client.ReadBlob(ctx, p.image.Repository, config.Digest.String(), config.Size, func(r io.Reader) error {
		raw.Reset()
		_, err := raw.ReadFrom(r)
		return err
	})
	if err != nil {
		return nil, err
	}
	var r disk.Record
	if err := json.Unmarshal(raw.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("parse the record of artifact %s: %w", a.digest, err)
	}
	layer := a.manifest.Layers[0]
	switch {
	case r.Image.Digest != p.image.Digest:
		return nil, fmt.Errorf("artifact %s says that it was made of %s, and refers to %s; delete it", a.digest, r.Image.Digest, p.image.Digest)
	case len(r.Files) != 1 || r.Files[0].Digest != layer.Digest.String() || r.Files[0].Size != layer.Size || mediaType(r.Files[0].Format) != layer.MediaType:
		return nil, fmt.Errorf("artifact %s has the record of another disk; delete it", a.digest)
	}
	r.Image.Reference = p.image.String()
	return &r, checkName(r.Files[0])
}

// checkName refuses a name that no disk is built with: it becomes a file's, on this machine.
func checkName(f disk.File) error {
	endings := map[disk.Format]string{disk.QCOW2: ".qcow2", disk.Raw: ".raw", disk.Bundle: ".tar"}
	base, ok := strings.CutSuffix(f.Name, endings[f.Format])
	o := disk.Options{Name: base, Formats: []disk.Format{f.Format}, Slots: 1}
	if err := o.Check(); err != nil || !ok {
		return fmt.Errorf("%q is no name of a %s disk", f.Name, f.Format)
	}
	return nil
}
