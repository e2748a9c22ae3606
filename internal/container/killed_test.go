package container

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"slipway.dev/slipway/internal/container/containertest"
	"slipway.dev/slipway/internal/exec"
)

const childTree = "CONTAINER_TEST_TREE"

// TestMain is, for TestKilled, a program that starts a container and is killed.
func TestMain(m *testing.M) {
	if tree := os.Getenv(childTree); tree != "" {
		child(tree)
		return
	}
	os.Exit(m.Run())
}

func child(tree string) {
	fmt.Println("begins")
	m, err := Nspawn{}.Starter(Config{Root: Root{Tree: tree, Init: "/sbin/init"}}).Start(context.Background(), io.Discard)
	fmt.Println("started", m != nil, err)
	time.Sleep(time.Hour)
}

// TestKilled kills a tester at a random moment of its container's start, and when the
// container runs. Nothing is left of either.
func TestKilled(t *testing.T) {
	tree := containertest.Root(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, after := range []time.Duration{0, time.Duration(random.IntN(60)) * time.Millisecond, time.Duration(random.IntN(600)) * time.Millisecond, -1} {
		ctx, kill := context.WithCancel(t.Context())
		r, w := io.Pipe()
		go func() {
			lines := bufio.NewReader(r)
			_, _ = lines.ReadString('\n')
			if after < 0 {
				_, _ = lines.ReadString('\n')
			}
			time.AfterFunc(max(0, after), kill)
			_, _ = io.Copy(io.Discard, lines)
		}()
		_ = exec.Run(ctx, exec.Cmd{Path: "/proc/self/exe", Args: []string{"child"}, Env: append(os.Environ(), childTree+"="+tree), Stdout: w})
		w.Close()
		if left := waitForNothing(); len(left) > 0 {
			t.Errorf("killed %s after it began: left %q", after, left)
		}
	}
}

// waitForNothing gives the kernel and the guard time to clean.
func waitForNothing() []string {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if left := leftovers(); len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
