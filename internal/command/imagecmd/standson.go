package imagecmd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/image"
)

// fromLine finds FROM instructions: the image, and the stage's name.
var fromLine = regexp.MustCompile(`(?im)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?`)

// standsOn is the image of the tree whose files an image begins with, or "": what
// the last stage of its Dockerfile is made from.
func (l *locking) standsOn(img image.Image) (string, error) {
	file := filepath.Join(img.Folder, img.Dockerfile)
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("find the parent of %s: %w", img.Name, err)
	}
	name := lastFrom(string(data))
	if strings.Contains(name, "$") {
		return "", fmt.Errorf("find the parent of %s: %s says FROM %s; name the image itself there", img.Name, file, name)
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, l.tree.Canonical()+"/"), ":latest")
	if !slices.Contains(img.Parents, name) {
		return "", nil
	}
	return name, nil
}

// lastFrom is the image that the last stage is made from, through other stages.
func lastFrom(dockerfile string) string {
	stages := map[string]string{}
	last := ""
	for _, match := range fromLine.FindAllStringSubmatch(dockerfile, -1) {
		last = match[1]
		if earlier, ok := stages[strings.ToLower(last)]; ok {
			last = earlier
		}
		if match[2] != "" {
			stages[strings.ToLower(match[2])] = last
		}
	}
	return last
}
