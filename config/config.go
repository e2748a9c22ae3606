// Package config is what the system is told: the table of targets, and later
// Prow's own configuration. What ships with the programs is embedded here, so
// that they work where this repository is not checked out.
package config

import _ "embed"

// Targets is targets.yaml.
//
//go:embed targets.yaml
var Targets []byte
