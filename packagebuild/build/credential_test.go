package build

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plant puts secrets wherever a machine that builds has some, and returns what they
// all hold. What must be a file's name ends up in an environment variable.
func plant(t *testing.T) (secret string, places []string) {
	t.Helper()
	secret = "planted-" + rand.Text()
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(secret), 0o644); err != nil {
			t.Fatal(err)
		}
		places = append(places, path)
	}
	home, elsewhere := t.TempDir(), t.TempDir()
	for _, name := range []string{".netrc", ".git-credentials", ".config/gcloud/credentials.db", ".docker/config.json", ".ssh/id_ed25519", ".aws/credentials"} {
		write(filepath.Join(home, name))
	}
	t.Setenv("HOME", home)
	for _, key := range []string{
		"GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "NETRC",
	} {
		path := filepath.Join(elsewhere, strings.ToLower(key))
		write(path)
		t.Setenv(key, path)
	}
	for _, key := range []string{"XDG_CONFIG_HOME", "CLOUDSDK_CONFIG", "GNUPGHOME", "DOCKER_CONFIG", "GH_CONFIG_DIR"} {
		folder := filepath.Join(elsewhere, strings.ToLower(key))
		write(filepath.Join(folder, "sub", "secret"))
		t.Setenv(key, folder)
	}
	kube := []string{filepath.Join(elsewhere, "kube-a"), filepath.Join(elsewhere, "kube-b")}
	write(kube[0])
	write(kube[1])
	t.Setenv("KUBECONFIG", strings.Join(kube, ":"))
	write(filepath.Join(elsewhere, "github-token")) // named by a flag
	t.Setenv("GITHUB_TOKEN", secret)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	return secret, places
}

// probe is a script that looks for secrets, and for a way out to port.
func probe(port int, places []string) []string {
	return []string{
		"exec 2>&1",
		"look() {",
		"  echo '== environment'; env",
		"  echo '== processes'; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n' || true",
		"  echo '== descriptors'; ls -l /proc/*/fd || true",
		"  echo '== places'; cat " + strings.Join(places, " ") + " || true",
		"  cat ~/.netrc ~/.git-credentials ~/.config/gcloud/* /root/.netrc /root/.git-credentials $GOOGLE_APPLICATION_CREDENTIALS || true",
		"  for d in /root /home /var/run/secrets /run/secrets /secrets /etc/kubernetes; do",
		"    find $d -mindepth 1 ! -name .bashrc ! -name .profile -printf 'exposed: %p\\n' || true",
		"  done",
		"  echo '== network'",
		fmt.Sprintf("  bash -c 'echo let me out > /dev/tcp/127.0.0.1/%d' && echo connected || true", port),
		"  getent hosts deb.debian.org && echo resolved || true",
		"  echo '== done'",
		"}",
		"look > $OUT/found",
		"cat $OUT/found",
	}
}

// listen counts who connects to a port of this machine.
func listen(t *testing.T) (port int, visits func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	count := make(chan int)
	go func() {
		n := 0
		for {
			conn, err := listener.Accept()
			if err != nil {
				count <- n
				return
			}
			_ = conn.Close()
			n++
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port, func() int {
		_ = listener.Close()
		return <-count
	}
}

// TestCodeUnderBuildSeesNoCredential is invariant 9: debian/rules tries to get at
// every secret of the machine, and at its network.
func TestCodeUnderBuildSeesNoCredential(t *testing.T) {
	builders := []struct {
		name       string
		newBuilder func(*testing.T) *Builder
	}{{"clean root", inCleanRoot}, {"root host", onHost}}
	for _, b := range builders {
		for _, network := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, network %v", b.name, network), func(t *testing.T) {
				builder := b.newBuilder(t) // before HOME changes
				secret, places := plant(t)
				builder.Secrets = places[len(places)-1:]
				checkSeesNothing(t, builder, network, secret, places)
			})
		}
	}
}

func checkSeesNothing(t *testing.T, b *Builder, network bool, secret string, places []string) {
	t.Helper()
	port, visits := listen(t)
	req := deb12(t, debSource(t, probe(port, places)...))
	req.Target.Network = network
	out := t.TempDir()
	result, err := b.Build(t.Context(), req, out)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, f := range result.Files {
		seen[filepath.Base(f.Path)] = read(t, f.Path)
	}
	seen["the package's content"] = content(t, result.Files[0].Path)
	seen["the log"] = read(t, filepath.Join(b.Logs, "build-log-deb12.txt"))
	for name, text := range seen {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s holds a secret: %.300q", name, text[max(0, at-200):])
		}
	}
	_, found, _ := strings.Cut(seen["the package's content"], "== environment")
	found, _, looked := strings.Cut(found, "== done")
	if !looked || !strings.Contains(found, "SOURCE_DATE_EPOCH=") {
		t.Errorf("the probe did not look: %q", found)
	}
	if strings.Contains(found, "exposed: ") {
		t.Errorf("the probe saw files in places of secrets:\n%s", found)
	}
	connected := strings.Contains(found, "connected") || strings.Contains(found, "resolved")
	if n := visits(); (n > 0) != network || connected && !network {
		t.Errorf("the target's network is %v; the listener had %d visits, and the probe says:\n%s", network, n, found)
	}
}
