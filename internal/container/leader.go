package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// errNoLeader is a container whose first process is not there.
var errNoLeader = errors.New("the container's first process is not there")

// leader finds the first process of the container that runs somewhere below a process:
// process 1 of a namespace inside of the cage's, where its number is caged, or any if
// that is 0. The number that it returns is the one that we see.
func leader(below, caged int) (int, error) {
	for _, pid := range descendants(below) {
		numbers := namespaced(pid)
		if n := len(numbers); n > 2 && numbers[n-1] == 1 && (caged == 0 || numbers[n-2] == caged) {
			return pid, nil
		}
	}
	return 0, errNoLeader
}

// descendants are the processes below one, nearest first. Who ended meanwhile is left out.
func descendants(pid int) []int {
	var found []int
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", next[0]))
		if err != nil {
			return found
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			for _, field := range strings.Fields(string(text)) {
				if child, err := strconv.Atoi(field); err == nil {
					found, next = append(found, child), append(next, child)
				}
			}
		}
	}
	return found
}

// namespaced are a process's numbers, from our namespace to its innermost.
func namespaced(pid int) []int {
	var numbers []int
	for _, field := range strings.Fields(status(pid, "NSpid")) {
		if n, err := strconv.Atoi(field); err == nil {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// status is a line of what the kernel says of a process; empty if it is gone.
func status(pid int, name string) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
