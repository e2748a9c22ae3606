package qemu_test

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"slipway.dev/slipway/internal/guest"
	"slipway.dev/slipway/internal/qemu"
	"slipway.dev/slipway/internal/testkit/tinyguest"
)

// checkReach looks whether the guest reaches this machine, which it sees as 10.0.2.2.
func checkReach(t *testing.T, m *qemu.Machine, want bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Write([]byte("reached\n"))
			_ = conn.Close()
		}
	}()
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	patience := "3"
	if want {
		patience = "60"
	}
	out, err := m.Run(t.Context(), guest.Command{Args: []string{"nc", "-w", patience, "10.0.2.2", port}})
	if got := string(out.Stdout) == "reached\n"; err != nil || got != want {
		t.Errorf("the guest reaches what is outside: %t, want %t: %+v, %v", got, want, out, err)
	}
}

// A closed machine leaves no goroutine and no port; an open one listens on loopback alone.
func TestNothingGoesOn(t *testing.T) {
	c := tinyguest.Config(t, tinyguest.OK)
	before := runtime.NumGoroutine()
	m := start(t, c)
	checkReach(t, m, false)
	var ports []int
	for _, port := range []int{22, 80} {
		forwarded, err := m.Forward(t.Context(), port)
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, forwarded)
		if got := listening(t, forwarded); len(got) != 1 || got[0] != "0100007F" {
			t.Errorf("port %d listens at %v, want loopback alone", forwarded, got)
		}
	}
	s, err := m.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restored := start(t, s)
	forwarded, err := restored.Forward(t.Context(), 22)
	if err != nil {
		t.Fatal(err)
	}
	ports = append(ports, forwarded)
	_ = restored.Close()
	_ = s.Close()
	for _, port := range ports {
		if got := listening(t, port); len(got) != 0 {
			t.Errorf("port %d still listens at %v", port, got)
		}
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines were there before, and now:\n%s", before, stacks[:runtime.Stack(stacks, true)])
		}
	}
	checkNothingLeft(t, c.Work)
}

// listening are the addresses at which somebody listens at a port, as the kernel writes them.
func listening(t *testing.T, port int) []string {
	t.Helper()
	const listen = "0A"
	var found []string
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			address, hex, ok := strings.Cut(fields[1], ":")
			if ok && fields[3] == listen && hex == fmt.Sprintf("%04X", port) {
				found = append(found, address)
			}
		}
	}
	return found
}
