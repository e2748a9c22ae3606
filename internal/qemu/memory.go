package qemu

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// CheckMemory refuses what this machine, or the control group that this process is in,
// has not got to give.
func CheckMemory(want int64) error { return checkMemory("/proc", "/sys/fs/cgroup", want) }

func checkMemory(proc, groups string, want int64) error {
	have, where, err := available(proc, groups)
	if err != nil {
		return err
	}
	if want > have {
		return fmt.Errorf("boot the guest: it needs %d MiB with QEMU, and %s has %d MiB left; give it less, or free some",
			want/mebibyte, where, have/mebibyte)
	}
	return nil
}

// Available is how much memory guests may take now, in bytes.
func Available() (int64, error) {
	have, _, err := available("/proc", "/sys/fs/cgroup")
	return have, err
}

// available is the least of what is left on the machine and in each control group.
func available(proc, groups string) (have int64, where string, err error) {
	data, err := os.ReadFile(filepath.Join(proc, "meminfo"))
	if err != nil {
		return 0, "", fmt.Errorf("find how much memory there is: %w", err)
	}
	kibibytes, ok := field(string(data), "MemAvailable:")
	if !ok {
		return 0, "", fmt.Errorf("find how much memory there is: %s/meminfo does not say what is available", proc)
	}
	have, where = kibibytes<<10, "this machine"
	membership, err := os.ReadFile(filepath.Join(proc, "self", "cgroup"))
	if err != nil {
		return have, where, nil // a kernel without control groups
	}
	for line := range strings.Lines(string(membership)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		v := version2
		if parts[1] != "" {
			if !strings.Contains(","+parts[1]+",", ",memory,") {
				continue
			}
			v = version1
		}
		if left, ok := v.left(groups, parts[2]); ok && left < have {
			have, where = left, "its control group"
		}
	}
	return have, where, nil
}

// hierarchy is how a version of control groups tells of memory.
type hierarchy struct {
	folder, limit, usage, reclaimable string
}

var (
	version1 = hierarchy{"memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	version2 = hierarchy{"", "memory.max", "memory.current", "inactive_file"}
)

// left is what a group and those above it may still take; false is without limit.
func (h hierarchy) left(groups, group string) (least int64, limited bool) {
	root := filepath.Join(groups, h.folder)
	for folder := filepath.Join(root, filepath.Clean("/"+group)); ; folder = filepath.Dir(folder) {
		limit, okLimit := number(filepath.Join(folder, h.limit))
		usage, okUsage := number(filepath.Join(folder, h.usage))
		if okLimit && okUsage {
			stat, _ := os.ReadFile(filepath.Join(folder, "memory.stat")) // without it nothing is reclaimable
			reclaimable, _ := field(string(stat), h.reclaimable)
			if left := limit - usage + reclaimable; !limited || left < least {
				least, limited = max(left, 0), true
			}
		}
		if len(folder) <= len(root) {
			return least, limited
		}
	}
}

// number reads a file that holds one; "max" is none.
func number(file string) (int64, bool) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	return n, err == nil
}

// field reads the number behind a word that begins a line.
func field(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) > 1 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
