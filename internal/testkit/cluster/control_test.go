package cluster

import (
	"os"
	"testing"
)

func TestControlPlane(t *testing.T) {
	if os.Getenv("SLIPWAY_E2E") != "prow" {
		t.Skip("building the API server takes minutes; run with SLIPWAY_E2E=prow")
	}
	c := StartControl(t)
	manifest := []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: prow}\n")
	if err := c.Create(t.Context(), "/api/v1/namespaces", manifest, "/api/v1/namespaces/prow", func([]byte) bool { return true }); err != nil {
		t.Fatal(err)
	}
}
