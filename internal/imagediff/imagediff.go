// Package imagediff says in what two images differ, platform by platform:
// configuration, layers and packages.
//
// Compare is a pure function of two Images. Read asks a registry for manifests and
// configurations alone. ReadPackages then reads as few layers as tell which packages
// differ: what both images share is left alone unless a layer between touches a package
// database. Layers stream past and are verified to their end, and nothing that a layer
// says counts before. A database that cannot be read is named, never taken for empty.
package imagediff

import (
	"context"
	"io"
	"time"

	"slipway.dev/slipway/internal/oci"
)

// Source is where images are read. *oci.Client is one.
type Source interface {
	Manifest(ctx context.Context, repository, digest string) (oci.Manifest, error)
	ReadBlob(ctx context.Context, repository, digest string, size int64, read func(io.Reader) error) error
}

// Image is an image of one platform or several.
type Image struct {
	Repository string     `json:"repository"`
	Digest     string     `json:"digest"`
	MediaType  string     `json:"mediaType"`
	Platforms  []Platform `json:"platforms"`
}

// Platform is an image's part for one platform.
type Platform struct {
	Name    string    `json:"name"` // linux/amd64; empty if nothing says it
	Digest  string    `json:"digest"`
	Size    int64     `json:"size"` // bytes of its layers and configuration in the registry
	Created time.Time `json:"created,omitzero"`
	Config  Config    `json:"config"`
	Layers  []Layer   `json:"layers"` // the lowest first

	// What ReadPackages fills.
	Packages []Package `json:"packages,omitempty"` // of the databases in which they may differ
	Unread   []string  `json:"unread,omitempty"`   // databases that were not read, and why
}

// Config is what an image says about how it runs.
type Config struct {
	User       string            `json:"user,omitempty"`
	WorkingDir string            `json:"workingDir,omitempty"`
	StopSignal string            `json:"stopSignal,omitempty"`
	Entrypoint []string          `json:"entrypoint,omitempty"`
	Cmd        []string          `json:"cmd,omitempty"`
	Env        []string          `json:"env,omitempty"` // NAME=VALUE
	Ports      []string          `json:"exposedPorts,omitempty"`
	Volumes    []string          `json:"volumes,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// Layer is one of an image's layers.
type Layer struct {
	Digest    string `json:"digest"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"`                // bytes in the registry
	CreatedBy string `json:"createdBy,omitempty"` // the command that made it, where the history says
}

// Package is an installed package.
type Package struct {
	Format  string `json:"format"` // dpkg or apk
	Name    string `json:"name"`
	Version string `json:"version"`
	Arch    string `json:"arch"`
}
