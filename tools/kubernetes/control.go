//go:build control

package main

import "github.com/spf13/cobra"

// ofNode has none: this is the control plane alone.
func ofNode(string) *cobra.Command { return nil }
