package jobcmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/git"
	"slipway.dev/slipway/internal/testkit/need"
	"slipway.dev/slipway/prow/local"
)

// TestMain makes this program the command that the scripts run.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"slipway": func() {
			cli.Main(func(env cli.Env) *cobra.Command { return cli.Group("slipway", "", group(env, pretended())) })
		},
	})
}

// TestScripts runs testdata/script/*.txtar with real git, and an engine that pretends.
func TestScripts(t *testing.T) {
	need.Tool(t, "git", "git")
	configuration, err := filepath.Abs(filepath.Join("..", "local", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+name+"_NAME", "Tester")
				env.Setenv("GIT_"+name+"_EMAIL", "tester@example.com")
			}
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Setenv("CONFIGURATION", configuration)
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"fails": fails},
	})
}

// fails runs a program that must end with the exit code: fails CODE PROGRAM ARG...
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit interface{ ExitCode() int }
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("%s: got %v, want exit code %s", args[1], err, args[0])
	}
}

func pretended() world {
	return world{
		images: func(context.Context, func(string)) (Images, error) { return pretendedImages{}, nil },
		engines: []engine{
			{name: "pretend", open: openPretender, fetch: pretendToFetch},
			{name: "far", remote: true, open: openPretender},
		},
	}
}

// pretendedImages are images that are all here.
type pretendedImages struct{}

func (pretendedImages) Names(context.Context) ([]string, error) {
	return []string{"daisy-builder", "gotest", "pod-utilities"}, nil
}

func (pretendedImages) Load(_ context.Context, names []string) (map[string]string, error) {
	loaded := map[string]string{}
	for _, name := range names {
		loaded[name] = "slipway.dev/images/" + name + ":0123"
	}
	return loaded, nil
}

func pretendToFetch(_ context.Context, images []string, say func(string)) error {
	for _, image := range images {
		if image != "busybox" {
			return fmt.Errorf("image %s cannot be pulled", image)
		}
		say("pull " + image)
	}
	return nil
}

// pretender ends a job as its last argument says, and does in its repository what a
// job would.
type pretender struct{}

func openPretender(engineFlags) (local.Engine, error) { return pretender{}, nil }

func (pretender) Run(ctx context.Context, plan local.Plan, w io.Writer) (local.Result, error) {
	result := local.Result{
		State: prowapi.SuccessState, Reason: "exit code 0", Output: plan.Output,
		Started: time.Unix(0, 0), Finished: time.Unix(1, 5e8),
	}
	for _, c := range plan.Local.Spec.InitContainers {
		result.Containers = append(result.Containers, local.Container{Name: c.Name, Init: true})
	}
	test := plan.Local.Spec.Containers[0]
	result.Containers = append(result.Containers, local.Container{Name: test.Name})
	args := plan.ProwJob.Spec.PodSpec.Containers[0].Args
	fmt.Fprintf(w, "%s: %s in %s\n", test.Name, strings.Join(args, " "), test.Image)
	switch last := strings.Join(args[max(0, len(args)-1):], ""); last {
	case "fail":
		result.State, result.Reason = prowapi.FailureState, "exit code 3"
	case "slow":
		result.State, result.Reason, result.TimedOut = prowapi.FailureState, "timeout after 2h0m0s", true
	case "wait":
		<-ctx.Done()
		result.State, result.Reason = prowapi.AbortedState, "aborted: "+context.Cause(ctx).Error()
	case "broken":
		return local.Result{}, errors.New("podman is broken")
	case "tag":
		folder := hostFolder(plan.Local, test, "/slipway/git/example/guest.git")
		_, err := git.Run(ctx, git.Command{Args: []string{"--git-dir", folder, "tag", "20261121.00", "refs/heads/main"}})
		return result, err
	}
	return result, nil
}

// hostFolder is what a container sees at a path.
func hostFolder(pod *corev1.Pod, c corev1.Container, path string) string {
	m := slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path })
	v := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == c.VolumeMounts[m].Name })
	return pod.Spec.Volumes[v].HostPath.Path
}
