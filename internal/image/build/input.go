package build

import (
	"context"
	"fmt"

	"slipway.dev/slipway/internal/image"
)

// Input is what the builder adds to an image's context beside the tracked files:
// a compiled program, a root file system, locked packages, Go's own tools. All
// that decides its bytes is tracked, so that the image's tag covers it.
type Input interface {
	// Write writes the input below the context folder dir; arch is Go's name
	// of the architecture. The builder sets modes and times afterwards.
	Write(ctx context.Context, arch, dir string) error
}

// Find says which input of one kind an image has, or nil if it has none. Whoever
// makes a builder lists the kinds: debian's, gotools', and Program.
type Find func(img image.Image) (Input, error)

// Inputs are the inputs that an image has, in the order of finds.
func Inputs(finds []Find, img image.Image) ([]Input, error) {
	var inputs []Input
	for _, find := range finds {
		input, err := find(img)
		if err != nil {
			return nil, fmt.Errorf("find what goes into %s: %w", img.Name, err)
		}
		if input != nil {
			inputs = append(inputs, input)
		}
	}
	return inputs, nil
}
