package sandbox

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// callerEnv makes the test's program a mere caller of Run, for others to kill.
const callerEnv = "SLIPWAY_TEST_SANDBOX_CALLER"

func TestMain(m *testing.M) {
	Enter()
	if work := os.Getenv(callerEnv); work != "" {
		fmt.Println(os.Getpid())
		c := hostConfig(work, "touch /shown/started; sleep 7001 & setsid sleep 7002")
		c.Binds = []Bind{{Source: work, Target: "/shown"}}
		fmt.Fprintln(os.Stderr, Run(context.Background(), c))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// hostConfig runs a script over this machine's own root.
func hostConfig(work, script string) Config {
	return Config{
		Lower: []string{"/"},
		Work:  work,
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Args:  []string{"sh", "-c", script},
	}
}
