package debian

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slipway.dev/slipway/internal/exec"
)

// apt is apt with a state of its own: nothing of this machine's configuration,
// sources and packages, and nothing left behind.
type apt struct {
	dir    string
	mirror string
}

// sources are the lines of a suite's archives: with its security updates, if it is
// one that gets them.
func sources(mirror, keyring, suite string) []string {
	deb := "deb [signed-by=" + keyring + "] " + mirror
	lines := []string{deb + "/debian " + suite + " main"}
	if slices.Contains([]string{"sid", "unstable", "testing", "experimental"}, suite) {
		return lines
	}
	return append(lines,
		deb+"/debian "+suite+"-updates main",
		deb+"/debian-security "+suite+"-security main")
}

// newApt prepares apt in dir, where status is dpkg's record of what is installed.
func (a Archive) newApt(dir, suite, arch string, status []byte) (apt, error) {
	keyring := cmp.Or(a.Keyring, defaultKeyring)
	if _, err := os.Stat(keyring); err != nil {
		return apt{}, fmt.Errorf("find the keys that sign Debian's archive: %w; run: apt-get install --no-install-recommends debian-archive-keyring", err)
	}
	for _, name := range []string{"etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return apt{}, fmt.Errorf("prepare apt: %w", err)
		}
	}
	lines := strings.Join(sources(a.mirror(), keyring, suite), "\n") + "\n"
	for name, text := range map[string]string{
		"etc/sources.list": lines, "status": string(status), "apt.conf": aptConf(dir, arch),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return apt{}, fmt.Errorf("prepare apt: %w", err)
		}
	}
	return apt{dir: dir, mirror: a.mirror()}, nil
}

func (a Archive) mirror() string {
	return strings.TrimSuffix(cmp.Or(a.Mirror, DefaultMirror), "/")
}

func aptConf(dir, arch string) string {
	options := [][2]string{
		{"Dir::Etc", dir + "/etc"}, {"Dir::Etc::parts", dir + "/etc/apt.conf.d"},
		{"Dir::State", dir + "/state"}, {"Dir::State::status", dir + "/status"},
		{"Dir::Cache", dir + "/cache"}, {"Dir::Log", dir},
		{"APT::Architecture", arch}, {"APT::Architectures", arch},
		{"APT::Install-Recommends", "false"}, {"APT::Sandbox::User", "root"},
		{"Acquire::Languages", "none"}, {"Acquire::ForceHash", "SHA256"},
		{"Acquire::Retries", "3"}, {"Acquire::http::Timeout", "30"},
	}
	var out strings.Builder
	for _, option := range options {
		fmt.Fprintf(&out, "%s %q;\n", option[0], option[1])
	}
	return out.String()
}

// update reads the archive's indexes, and fails unless all are there and signed.
func (t apt) update(ctx context.Context) error {
	_, err := t.get(ctx, "-q", "--error-on=any", "update")
	return err
}

// install lists what would be installed for wanted.
func (t apt) install(ctx context.Context, wanted []string) ([]Package, error) {
	args := slices.Concat([]string{"-qq", "-y", "--no-remove", "--print-uris", "install"}, wanted)
	out, err := t.get(ctx, args...)
	if err != nil {
		return nil, err
	}
	var packages []Package
	for line := range strings.Lines(string(out)) {
		p, err := t.parse(line)
		if err != nil {
			return nil, fmt.Errorf("read what apt-get would install: %q: %w", line, err)
		}
		packages = append(packages, p)
	}
	sortPackages(packages)
	return packages, nil
}

// parse reads a line 'URL' NAME_VERSION_ARCH.deb SIZE SHA256:SUM.
func (t apt) parse(line string) (Package, error) {
	fields := strings.Fields(line)
	if len(fields) != 4 {
		return Package{}, fmt.Errorf("it has %d words, want 4", len(fields))
	}
	place, errPlace := url.PathUnescape(strings.TrimPrefix(strings.Trim(fields[0], "'"), t.mirror+"/"))
	file, errFile := url.PathUnescape(strings.TrimSuffix(fields[1], ".deb"))
	size, errSize := strconv.ParseInt(fields[2], 10, 64)
	if err := errors.Join(errPlace, errFile, errSize); err != nil {
		return Package{}, err
	}
	parts := strings.Split(file, "_")
	sum, ok := strings.CutPrefix(fields[3], "SHA256:")
	if len(parts) != 3 || !ok {
		return Package{}, errors.New("want NAME_VERSION_ARCH.deb and SHA256:SUM")
	}
	p := Package{Name: parts[0], Version: parts[1], Arch: parts[2], SHA256: sum, Size: size, Pool: place}
	return p, p.check(p.Arch)
}

// get runs apt-get. An error holds what apt-get complained about.
func (t apt) get(ctx context.Context, args ...string) ([]byte, error) {
	var out, said bytes.Buffer
	err := exec.Run(ctx, exec.Cmd{
		Args: append([]string{"apt-get"}, args...), Env: toolEnv("APT_CONFIG=" + t.dir + "/apt.conf"),
		Stdout: &out, Stderr: &said,
	})
	if exec.IsNotFound(err) {
		return nil, errors.New("apt-get is not installed; packages are locked and roots made on a Debian machine or in its container")
	}
	if exec.ExitCode(err) > 0 {
		return nil, fmt.Errorf("apt-get %s: %s", strings.Join(args, " "), complaint(out.String()+said.String()))
	}
	return out.Bytes(), err
}

// complaint is what apt-get said was wrong: its errors, and dependencies that
// cannot be met.
func complaint(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "Err:") || strings.Contains(line, " but it is not ") {
			lines = append(lines, line)
		}
	}
	const enough = 8
	if len(lines) > enough {
		lines = append(lines[:enough], fmt.Sprintf("and %d lines more", len(lines)-enough))
	}
	if len(lines) == 0 {
		return strings.TrimSpace(said[max(0, len(said)-1000):])
	}
	return strings.Join(lines, "; ")
}

// toolEnv is the environment of Debian's tools: nothing of the caller's but the way
// to the network and to scratch.
func toolEnv(more ...string) []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/nonexistent", "LC_ALL=C.UTF-8", "TZ=UTC", "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NOWARNINGS=yes",
	}
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, more...)
}
