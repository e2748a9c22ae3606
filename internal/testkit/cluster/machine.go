package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// settings are those of the kernel that a kubelet and its pods' network change.
var settings = []string{"kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "net/ipv4/ip_forward"}

// settingsFile lies beside the node's folder, so that it outlives a node that was killed.
func (c *Cluster) settingsFile() string { return c.dir + ".settings" }

func (c *Cluster) saveSettings() error {
	saved := map[string]string{}
	for _, setting := range settings {
		value, err := os.ReadFile(filepath.Join("/proc/sys", setting))
		if err != nil {
			return err
		}
		saved[setting] = string(value)
	}
	data, err := json.Marshal(saved)
	if err != nil {
		return err
	}
	return os.WriteFile(c.settingsFile(), data, 0o600)
}

func (c *Cluster) restoreSettings() error {
	data, err := os.ReadFile(c.settingsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved map[string]string
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("read %s: %w", c.settingsFile(), err)
	}
	for setting, value := range saved {
		if err := os.WriteFile(filepath.Join("/proc/sys", setting), []byte(value), 0o644); err != nil {
			return err
		}
	}
	return os.Remove(c.settingsFile())
}

// clear removes all that a node leaves on a machine, whether it was stopped or killed.
func (c *Cluster) clear() error {
	return errors.Join(c.killShims(), c.unmount(), removeControlGroups(), c.removeNetwork(), os.RemoveAll(c.dir), c.restoreSettings())
}

// killShims ends the processes that hold containers, which outlive containerd, and
// the containers with them.
func (c *Cluster) killShims() error {
	for _, pid := range c.shims() {
		for _, child := range append(children(pid), pid) {
			if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("end process %d of the node: %w", child, err)
			}
		}
	}
	for range 100 {
		if len(c.shims()) == 0 {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("end the node's containers: processes %v do not end", c.shims())
}

// shims are the processes that were started with this node's socket.
func (c *Cluster) shims() []int {
	return processes(func(proc string) bool {
		line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		args := strings.Split(string(line), "\x00")
		return err == nil && filepath.Base(args[0]) == "containerd-shim-runc-v2" && slices.Contains(args, c.socket())
	})
}

func children(parent int) []int {
	return processes(func(proc string) bool {
		stat, err := os.ReadFile(filepath.Join(proc, "stat"))
		if err != nil {
			return false
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		return len(fields) > 1 && fields[1] == strconv.Itoa(parent)
	})
}

func processes(wanted func(proc string) bool) []int {
	var pids []int
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && wanted(folder) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// unmount unmounts all below the node's folder, the innermost first.
func (c *Cluster) unmount() error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], c.dir+"/") {
			points = append(points, fields[4])
		}
	}
	for _, point := range slices.Backward(points) {
		if err := unix.Unmount(point, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}
