package image

import (
	"os"
	"strings"
	"testing"
)

const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestVerify(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string // of images/app; a name with a slash is below images
		want  []string          // how each finding begins, and what it says to do
	}{
		{"scratch", map[string]string{"Dockerfile": "FROM scratch\n"}, nil},
		{"an image of the tree", map[string]string{"Dockerfile": "FROM slipway.dev/images/base\nCOPY --from=slipway.dev/images/base:latest a /\n"}, nil},
		{"a digest", map[string]string{"Dockerfile": "FROM alpine" + digest + "\nFROM example.com:5000/a:1" + digest + " AS x\nFROM x\n"}, nil},
		{"unpinned", map[string]string{"Dockerfile": "FROM alpine:3\nCOPY --from=b:1 a /\nRUN --mount=from=c:1,target=/x x\n"}, []string{
			"images/app/Dockerfile:1: FROM alpine:3 is neither an image of this tree nor pinned by digest; ... docker://alpine:3",
			"images/app/Dockerfile:2: COPY --from b:1 is neither ", "images/app/Dockerfile:3: RUN --mount=from c:1 is neither "}},
		{"half a digest", map[string]string{"Dockerfile": "FROM alpine@sha256:0123\n"}, []string{"images/app/Dockerfile:1: FROM alpine@sha256:0123 is neither ... docker://alpine"}},
		{"another tree", map[string]string{"Dockerfile": "FROM slipway.dev/imagesx/base\n"}, []string{"images/app/Dockerfile:1: FROM slipway.dev/imagesx/base is neither "}},
		{"missing", map[string]string{"Dockerfile": "FROM slipway.dev/images/bsae\n"}, []string{"images/app/Dockerfile:1: FROM slipway.dev/images/bsae is not there; did you mean base?"}},
		{"a tag", map[string]string{"Dockerfile": "FROM slipway.dev/images/base:v1\n"}, []string{"images/app/Dockerfile:1: FROM slipway.dev/images/base:v1 asks for ... write slipway.dev/images/base"}},
		{"a digest of the tree", map[string]string{"Dockerfile": "FROM slipway.dev/images/base" + digest + "\n"}, []string{"images/app/Dockerfile:1: FROM slipway.dev/images/base@"}},
		{"a cycle", map[string]string{"Dockerfile": "FROM scratch\nFROM slipway.dev/images/b\n", "b/Dockerfile": "FROM slipway.dev/images/app\n"},
			[]string{"images/app/Dockerfile:2: cyclic FROM: app → b → app; take out one of images/app/Dockerfile:2, images/b/Dockerfile:1"}},
		{"no argument", map[string]string{"Dockerfile": "ARG A\nFROM $A\n"}, []string{"images/app/Dockerfile:2: FROM $A names no image; give the argument a default"}},
		{"a bad instruction", map[string]string{"Dockerfile": "FROM scratch\nCOPPY a b\n"}, []string{"images/app/Dockerfile:2: unknown instruction: COPPY"}},
		{"a bad FROM", map[string]string{"Dockerfile": "FROM\n"}, []string{"images/app/Dockerfile:1: "}},
		{"empty", map[string]string{"Dockerfile": ""}, []string{"images/app/Dockerfile:1: file with no instructions"}},
		{"an architecture that the parent lacks", map[string]string{"Dockerfile.arm64": "FROM slipway.dev/images/base\n"},
			[]string{"images/app/Dockerfile.arm64:1: FROM slipway.dev/images/base has no arm64, for which app is built; base is built for amd64"}},
		{"bad debian.yaml", map[string]string{"Dockerfile": "FROM scratch\n", "debian.yaml": "architectures: 7\n"}, []string{"images/app/Dockerfile:1: image app: read images/app/debian.yaml: "}},
		{"unknown architecture", map[string]string{"Dockerfile": "FROM scratch\n", "debian.yaml": "architectures: [vax]\n"}, []string{"images/app/Dockerfile:1: image app: images/app/debian.yaml: there are no images for the architecture \"vax\"; write amd64"}},
		{"architecture without Dockerfile", map[string]string{"Dockerfile.x86_64": "FROM scratch\n", "debian.yaml": "architectures: [arm64]\n"}, []string{"images/app/Dockerfile:1: image app: it is to be built for arm64, but has no Dockerfile or Dockerfile.arm64"}},
		{"a program without a module", map[string]string{"Dockerfile": "FROM scratch\nCOPY app /\n", "main.go": "package main\n"}, []string{"images/app/Dockerfile:1: image app: no go.mod is tracked in images/app or above it"}},
		{"a Dockerfile elsewhere", map[string]string{"Dockerfile": "-> ../base/Dockerfile"}, []string{"images/app/Dockerfile:1: image app: images/app/Dockerfile is a symlink to ../base/Dockerfile, which is no tracked file of its folder"}},
		{"a Dockerfile by another name", map[string]string{"Dockerfile": "-> sub/D", "sub/D": ""}, []string{"images/app/Dockerfile:1: image app: images/app/Dockerfile is a symlink"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, map[string]string{"images/base/Dockerfile": "FROM scratch\n"})
			for name, content := range tt.files {
				if !strings.Contains(name, "/") {
					name = "app/" + name
				}
				if target, ok := strings.CutPrefix(content, "-> "); ok {
					c.write("images/app/placeholder", "")
					c.must(os.Symlink(target, c.path("images/"+name)))
					continue
				}
				c.write("images/"+name, content)
			}
			c.track()
			findings := c.open().Verify()
			if len(findings) != len(tt.want) {
				t.Fatalf("got %d findings, want %d: %v", len(findings), len(tt.want), findings)
			}
			for i, f := range findings {
				begin, end, _ := strings.Cut(tt.want[i], " ... ")
				if got := f.String(); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end) {
					t.Errorf("got  %s\nwant %s", got, tt.want[i])
				}
			}
		})
	}
}

// A finding of a Dockerfile that serves two architectures is told once.
func TestVerifyTellsOnce(t *testing.T) {
	c := newCheckout(t, map[string]string{"images/app/Dockerfile": "FROM alpine\nCOPPY a b\n", "images/app/debian.yaml": "architectures: [amd64, arm64]\n"})
	if findings := c.open().Verify(); len(findings) != 2 {
		t.Errorf("got %v, want 2 findings", findings)
	}
}

func TestArchitectures(t *testing.T) {
	const program, scratch = "package main\nfunc main() {}\n", "FROM scratch\nCOPY app /\n"
	tests := []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"plain", map[string]string{"Dockerfile": "FROM scratch\n"}, "amd64=Dockerfile"},
		{"a program", map[string]string{"Dockerfile": scratch, "main.go": program}, "amd64=Dockerfile arm64=Dockerfile"},
		{"a program that is not copied", map[string]string{"Dockerfile": "FROM scratch\nCOPY other /\n", "main.go": program}, "amd64=Dockerfile"},
		{"a program of another package", map[string]string{"Dockerfile": scratch, "main.go": "package app\n"}, "amd64=Dockerfile"},
		{"a tracked file of the program's name", map[string]string{"Dockerfile": scratch, "main.go": program, "app": ""}, "amd64=Dockerfile"},
		{"a program on a program", map[string]string{"Dockerfile": "FROM slipway.dev/images/go\nCOPY ./app /\n", "main.go": program}, "amd64=Dockerfile arm64=Dockerfile"},
		{"a program on Debian", map[string]string{"Dockerfile": "FROM slipway.dev/images/base\nCOPY app /\n", "main.go": program}, "amd64=Dockerfile"},
		{"a program on a foreign image", map[string]string{"Dockerfile": "FROM alpine\nCOPY app /\n", "main.go": program}, "amd64=Dockerfile"},
		{"declared", map[string]string{"Dockerfile": "FROM scratch\n", "debian.yaml": "suite: bookworm\narchitectures: [aarch64, amd64]\n"}, "amd64=Dockerfile arm64=Dockerfile"},
		{"declared by default", map[string]string{"Dockerfile": scratch, "main.go": program, "debian.yaml": "suite: bookworm\n"}, "amd64=Dockerfile"},
		{"one of each", map[string]string{"Dockerfile.x86_64": "FROM scratch\n", "Dockerfile.aarch64": "FROM scratch\n"}, "amd64=Dockerfile.x86_64 arm64=Dockerfile.aarch64"},
		{"one beside", map[string]string{"Dockerfile": "FROM scratch\n", "Dockerfile.aarch64": "FROM scratch\n", "Dockerfile.old": ""}, "amd64=Dockerfile arm64=Dockerfile.aarch64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{
				"go.mod":                 "module example.com/m\n\ngo 1.26\n",
				"images/base/Dockerfile": "FROM scratch\nCOPY a /\n", "images/base/a": "",
				"images/go/Dockerfile": "FROM scratch\nCOPY go /\n", "images/go/main.go": program,
			}
			for name, content := range tt.files {
				files["images/app/"+name] = content
			}
			img, err := newCheckout(t, files).open().Find("app")
			var got []string
			for _, arch := range img.Architectures {
				got = append(got, arch+"="+img.Dockerfiles[arch])
			}
			if s := strings.Join(got, " "); s != tt.want || err != nil {
				t.Errorf("got %s, %v; want %s", s, err, tt.want)
			}
		})
	}
}

// Each architecture's Dockerfile may stand on other images; the tag is of them all.
func TestParentsOfAllArchitectures(t *testing.T) {
	c := newCheckout(t, map[string]string{
		"images/a/Dockerfile": "FROM scratch\n", "images/b/Dockerfile": "FROM scratch\n",
		"images/app/Dockerfile.amd64": "FROM slipway.dev/images/a\n", "images/app/Dockerfile.arm64": "FROM slipway.dev/images/b\nCOPY --from=x" + digest + " a /\n",
	})
	img, err := c.open().Find("app")
	c.must(err)
	if got := strings.Join(img.Parents, " "); got != "a b" {
		t.Errorf("got parents %q, want a b", got)
	}
	if got := strings.Join(img.External, " "); got != "x"+digest {
		t.Errorf("got external %q", got)
	}
}
