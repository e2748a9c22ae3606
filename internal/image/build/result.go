package build

// How says how an image came to be here.
type How string

// The ways.
const (
	Present How = "present"
	Pulled  How = "pulled"
	Built   How = "built"
)

// Result is an image that is here.
type Result struct {
	Image  string `json:"image"`
	Arch   string `json:"arch"`
	Tag    string `json:"tag"`
	Name   string `json:"name"` // in podman's storage
	ID     string `json:"id"`
	How    How    `json:"how"`
	Before string `json:"before,omitempty"` // ID of the image of this tag that was built anew
}
