package qemu

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckMemory(t *testing.T) {
	const gib = 1 << 30
	tests := []struct {
		name  string
		files map[string]string
		left  int64
		where string
	}{
		{"machine", map[string]string{"proc/self/cgroup": "0::/\n"}, 4 * gib, "this machine has 4096 MiB left"},
		{"no groups", nil, 4 * gib, "this machine"},
		{"version 2", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "cg/a/b/memory.max": "max\n", "cg/a/b/memory.current": "5\n",
			"cg/a/memory.max": "3221225472\n", "cg/a/memory.current": "2147483648\n", "cg/a/memory.stat": "anon 1\ninactive_file 536870912\n",
		}, gib + gib/2, "its control group has 1536 MiB left"},
		{"version 1", map[string]string{
			"proc/self/cgroup":                    "4:cpu,memory:/pod\n0::/elsewhere\n",
			"cg/memory/pod/memory.limit_in_bytes": "2147483648", "cg/memory/pod/memory.usage_in_bytes": "1073741824",
			"cg/memory/memory.limit_in_bytes": "9223372036854771712", "cg/memory/memory.usage_in_bytes": "5",
		}, gib, "its control group"},
		{"over its limit", map[string]string{"proc/self/cgroup": "0::/../x\n", "cg/x/memory.max": "5\n", "cg/x/memory.current": "6\n"}, 0, "its control group has 0 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, "proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n")
			for name, text := range tt.files {
				write(t, root, name, text)
			}
			proc, groups := filepath.Join(root, "proc"), filepath.Join(root, "cg")
			if err := checkMemory(proc, groups, tt.left); err != nil {
				t.Errorf("what is left is refused: %v", err)
			}
			err := checkMemory(proc, groups, tt.left+mebibyte)
			if err == nil || !strings.Contains(err.Error(), tt.where) {
				t.Errorf("got %v, want %q", err, tt.where)
			}
		})
	}
	if err := checkMemory(t.TempDir(), "", 1); err == nil {
		t.Error("without /proc there is no error")
	}
	if have, err := Available(); err != nil || have <= 0 {
		t.Errorf("here: got %d, %v", have, err)
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
