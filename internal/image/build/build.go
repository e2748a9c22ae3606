// Package build builds job images: it makes the context, and podman the image.
//
// What podman sees is a copy of the folder's tracked files and of inputs that
// tracked files decide, with fixed modes and times, and no network: so an image
// built twice, here or elsewhere, has one image ID. A tag is set only on an image
// that is complete.
package build
