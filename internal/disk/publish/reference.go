package publish

import (
	"fmt"
	"regexp"

	"github.com/google/go-containerregistry/pkg/name"
)

// Forms are the ways to name an image in a registry, for people.
const Forms = "HOST/PATH@sha256:HEX or HOST/PATH:TAG"

// Reference names an image in a registry.
type Reference struct {
	Repository string // HOST/PATH
	Tag        string // none if it was named by digest
	Digest     string // none until a tag is resolved
}

var pinned = regexp.MustCompile(`^(.+)@(sha256:[0-9a-f]{64})$`)

// ParseReference reads an image's name, which says the registry and the tag, or the digest.
func ParseReference(text string) (Reference, error) {
	if m := pinned.FindStringSubmatch(text); m != nil {
		if _, err := name.NewRepository(m[1], name.StrictValidation); err != nil {
			return Reference{}, fmt.Errorf("%w; an image is named %s", err, Forms)
		}
		return Reference{Repository: m[1], Digest: m[2]}, nil
	}
	tag, err := name.NewTag(text, name.StrictValidation)
	if err != nil {
		return Reference{}, fmt.Errorf("%w; an image is named %s", err, Forms)
	}
	return Reference{Repository: tag.Context().Name(), Tag: tag.TagStr()}, nil
}

func (r Reference) String() string {
	if r.Tag != "" {
		return r.Repository + ":" + r.Tag
	}
	return r.Repository + "@" + r.Digest
}
