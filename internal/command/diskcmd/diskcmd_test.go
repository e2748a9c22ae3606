package diskcmd

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"slipway.dev/slipway/internal/cli"
)

const pinned = "registry.example.com/hello/hello-os@sha256:0123"

// What is asked wrongly is a misuse, before anything is read.
func TestMisuse(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"build"}, "name one image"},
		{[]string{"build", pinned}, "--to is missing"},
		{[]string{"build", pinned, "--to", "x", "--format", "vmdk"}, "no form of a disk"},
		{[]string{"build", pinned, "--to", "x", "--size", "4"}, "is no size"},
		{[]string{"build", pinned, "--to", "x", "--slots", "3"}, "3 roots are not possible"},
		{[]string{"build", pinned, "--to", "x", "--karg", "a b"}, "not passed on safely"},
		{[]string{"build", pinned, "--to", "x", "--builder", "dd"}, "is unknown"},
		{[]string{"build", pinned, "--to", "x", "--builder", "bootc", "--slots", "2"}, "decides the layout"},
		{[]string{"build", pinned, "--to", "x", "--name", "../x"}, "no name of a disk"},
		{[]string{"build", pinned, "--to", "x", "--timeout", "0s"}, "must be more than 0"},
		{[]string{"build", "oci:out", "--to", "x", "--wait", "1m"}, "--wait is for an image in a registry"},
		{[]string{"pull"}, "name one image"},
		{[]string{"pull", pinned}, "--to is missing"},
		{[]string{"pull", "out/hello-os", "--to", "x"}, "an image is named HOST/PATH@sha256:HEX"},
		{[]string{"pull", "localhost:1/os:v1", "--to", "x", "--format", "vmdk"}, "no form of a disk"},
		{[]string{"pull", "localhost:1/os:v1", "--to", "x", "--wait", "-1s"}, "--wait not less"},
		{[]string{"show"}, "name one disk"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Chdir(t.TempDir())
			var said bytes.Buffer
			env := cli.Env{Args: tt.args, Stdout: &said, Stderr: &said, Getenv: func(string) string { return "" }}
			if code := cli.Run(context.Background(), env, Group(env)); code != cli.ExitMisused || !strings.Contains(said.String(), tt.want) {
				t.Errorf("exit code %d, %s; want %q in it", code, said.String(), tt.want)
			}
		})
	}
}

// A pull request's job makes a disk and publishes none.
func TestPresubmitPublishesNothing(t *testing.T) {
	var said bytes.Buffer
	of := map[string]string{"JOB_TYPE": "presubmit", "PULL_NUMBER": "1", "PULL_PULL_SHA": strings.Repeat("a", 40)}
	env := cli.Env{Args: []string{pinned, "--to", "x", "--bucket", "/store"}, Stdout: &said, Stderr: &said, Getenv: func(k string) string { return of[k] }}
	if code := cli.Run(context.Background(), env, DiskBuilder(env)); code != cli.ExitMisused || !strings.Contains(said.String(), "publishes nothing") {
		t.Errorf("exit code %d, %s", code, said.String())
	}
}

func TestNameOf(t *testing.T) {
	for image, want := range map[string]string{
		"HOST:5000/hello/hello-os:v1": "hello-os", "HOST/hello-os@sha256:00": "hello-os", "oci:/tmp/out/image": "image", "oci:out/tiny": "tiny",
	} {
		if got := nameOf(image); got != want {
			t.Errorf("%s: got %s, want %s", image, got, want)
		}
	}
}
