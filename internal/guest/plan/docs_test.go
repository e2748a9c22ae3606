package plan

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The page that explains plans shows one that is read, and so is its denylist.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "vm-plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllSubmatch(page, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of YAML, want a plan and a denylist", len(blocks))
	}
	p, err := Parse("vm-plan.md", blocks[0][1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseDenylist("vm-plan.md", blocks[1][1], p, today); err != nil {
		t.Fatal(err)
	}
}
