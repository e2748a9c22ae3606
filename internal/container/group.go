package container

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// prefix is how all begins that containers leave their names in: control groups, folders.
const prefix = "slipway-container-"

// newName is a name that no other container has; it tells whose the container is.
func newName() string {
	return fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), strings.ToLower(rand.Text()[:8]))
}

const cgroups = "/sys/fs/cgroup"

var errNoGroups = errors.New("there is no control group of systemd's or of version 2 to put a container in; mount /sys/fs/cgroup")

// groups are the control groups of that name in the hierarchies that systemd wants of its
// own: version 2, and its named one of version 1. Two containers in the same group would be
// one to systemd. root is the file system's root, and own the text of /proc/self/cgroup.
func groups(root fs.FS, own, name string) ([]string, error) {
	var found []string
	for line := range strings.Lines(own) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, at, ok := strings.Cut(rest, ":")
		if !ok {
			continue
		}
		for _, base := range hierarchies(controllers) {
			if folder, ok := groupFolder(root, base, at); ok {
				found = append(found, path.Join(folder, name))
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, errNoGroups
	}
	return found, nil
}

// hierarchies are where a hierarchy that systemd wants may be mounted.
func hierarchies(controllers string) []string {
	switch controllers {
	case "":
		return []string{cgroups + "/unified", cgroups}
	case "name=systemd":
		return []string{cgroups + "/systemd"}
	}
	return nil
}

// groupFolder is our own group, or where its path is not in the mount, as in a container
// that shares the host's control groups, the hierarchy's root.
func groupFolder(root fs.FS, base, at string) (string, bool) {
	for _, folder := range []string{path.Join(base, at), base} {
		if _, err := fs.Stat(root, strings.TrimPrefix(folder, "/")+"/cgroup.procs"); err == nil {
			return folder, true
		}
	}
	return "", false
}

// everywhere are patterns of the groups of these names that a program makes in whatever
// hierarchy, in the hierarchy's root or in our own group.
func everywhere(own string, names ...string) []string {
	var patterns []string
	for line := range strings.Lines("0::/\n" + own) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		_, at, _ := strings.Cut(rest, ":")
		for _, name := range names {
			patterns = append(patterns, path.Join(cgroups, "*", at, name), path.Join(cgroups, at, name))
		}
	}
	slices.Sort(patterns)
	return slices.Compact(patterns)
}

// ownGroups is the text that groups and everywhere take.
func ownGroups() (string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	return string(text), err
}
