// Package image is the vocabulary of job images: a tree of folders with a
// Dockerfile each, and a tag for each that names its content.
//
// The folder is the registration. Two checkouts with the same tracked files give
// the same tag on any machine, so an image is built once for its content and found
// by it ever after.
package image

// Canonical is the name under which people and tests know an image of this
// project: Canonical/NAME:latest. It exists on this machine only.
const Canonical = "slipway.dev/images"

// Config says which tree of images is meant.
type Config struct {
	Checkout  string            // folder of a git checkout; its top if Go programs are compiled in
	Folder    string            // the tree below Checkout, with slashes; empty is "images"
	Canonical string            // what the tree's images are called in Dockerfiles; empty is Canonical
	Arguments map[string]string // build arguments; every tag covers them
}

// Image is one folder of the tree.
type Image struct {
	Name          string            // path below the tree's folder, with slashes: "daisy-builder", "debian/bookworm"
	Folder        string            // absolute
	Dockerfile    string            // file name in Folder that serves the first of Architectures
	Dockerfiles   map[string]string // file name in Folder by architecture
	Architectures []string          // Go's names of those that it is built for, sorted
	Parents       []string          // names of images of this tree that its Dockerfile names in FROM, COPY --from or RUN --mount=from=, sorted
	Base          string            // the one of Parents whose files it begins with, or empty
	External      []string          // references of other images that it names so, as written, with arguments in place; never "scratch"
	Program       string            // name of the program that is compiled from the folder's main.go into the build context, or empty
}
