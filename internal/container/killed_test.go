package container

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/exec"
	"slipway.dev/slipway/internal/testkit/need"
)

// What the program that is killed is told.
const (
	childTree    = "CONTAINER_TEST_TREE"
	childRuntime = "CONTAINER_TEST_RUNTIME"
)

// sleeper is, instead of a runtime, a cage whose program takes no notice of anything: the
// guard of a container in this machine's own LXD is such a one.
const sleeper = "sleeper"

// TestMain is, for TestKilled, a program that starts a container and is killed.
func TestMain(m *testing.M) {
	if tree := os.Getenv(childTree); tree != "" {
		child(tree)
		return
	}
	os.Exit(m.Run())
}

func child(tree string) {
	if os.Getenv(childRuntime) == sleeper {
		fmt.Println(os.Getpid(), sleeper)
		c, err := caged{what: sleeper, args: []string{"sh", "-c", "sleep infinity; :", newName()}}.start(context.Background())
		for err == nil && len(descendants(c.pid)) < 2 { // the shell and what it runs
			time.Sleep(time.Millisecond)
		}
		fmt.Println("started", err)
		time.Sleep(time.Hour)
	}
	runtime, err := Named(os.Getenv(childRuntime))
	fmt.Println(os.Getpid(), err)
	m, err := runtime.Starter(Config{Root: Root{Tree: tree, Init: "/sbin/init"}}).Start(context.Background(), io.Discard)
	fmt.Println("started", m != nil, err)
	time.Sleep(time.Hour)
}

// TestKilled kills a tester at random moments of its container's start, and when the
// container runs. Nothing is left of either.
func TestKilled(t *testing.T) {
	checkKilled(t, Nspawn{}, 600*time.Millisecond)
}

// TestKilledSleeper kills a tester whose program in the cage would never end by itself, as
// systemd-nspawn does when nobody reads what it prints.
func TestKilledSleeper(t *testing.T) {
	need.Root(t)
	pid := kill(t, -1, childTree+"=/", childRuntime+"="+sleeper)
	if left := waitForNothing(pid); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

func checkKilled(t *testing.T, runtime Runtime, start time.Duration) {
	t.Helper()
	tree := containertest.Root(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const started = -1
	for _, after := range []time.Duration{0, time.Duration(random.Int64N(int64(start / 10))), time.Duration(random.Int64N(int64(start))), started} {
		pid := kill(t, after, childTree+"="+tree, childRuntime+"="+runtime.Name())
		if left := waitForNothing(pid); len(left) > 0 {
			t.Errorf("killed %s after it began: left %q", after, left)
		}
	}
}

// kill starts the program and kills it that long after it began, or when it has started
// its container. It returns the program's number.
func kill(t *testing.T, after time.Duration, env ...string) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	pid := make(chan int, 1)
	go func() {
		lines := bufio.NewReader(r)
		line, _ := lines.ReadString('\n')
		number, _, _ := strings.Cut(line, " ")
		n, _ := strconv.Atoi(number)
		pid <- n
		if after < 0 {
			line, _ := lines.ReadString('\n')
			t.Log(line)
		}
		time.AfterFunc(max(0, after), cancel)
		_, _ = io.Copy(io.Discard, lines)
	}()
	_ = exec.Run(ctx, exec.Cmd{Path: "/proc/self/exe", Args: []string{"child"}, Env: append(os.Environ(), env...), Stdout: w})
	_ = w.Close()
	n := <-pid
	if n == 0 {
		t.Fatal("the program did not begin")
	}
	return n
}

// waitForNothing gives the kernel and the guard time to clean.
func waitForNothing(pid int) []string {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if left := leftovers(pid); len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
