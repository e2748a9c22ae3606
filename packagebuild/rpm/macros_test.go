package rpm

import (
	"testing"

	"slipway.dev/slipway/packagebuild"
)

func TestMacros(t *testing.T) {
	req := request("testdata/hello")
	whole := inImage(req)
	whole.Source.Extra, whole.Jobs = &packagebuild.Source{Dir: "/extra"}, 0
	tests := []struct {
		name string
		req  packagebuild.Request
		plan packagebuild.Plan
	}{
		{"macros-el9", req, packagebuild.Plan{}},
		{"macros-el9-arm64", onARM(req), packagebuild.Plan{}},
		{"macros-el9-image", whole, packagebuild.Plan{Go: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			golden(t, tt.name, New().macros(tt.req, tt.plan)+"\n# "+settingsFile+"\n"+settings(tt.req.Target))
		})
	}
}
