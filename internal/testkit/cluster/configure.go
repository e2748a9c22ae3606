package cluster

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// configure writes what the components read.
func (c *Cluster) configure() (err error) {
	if c.ports, err = freePorts(); err != nil {
		return err
	}
	key, err := accountsKey()
	if err != nil {
		return err
	}
	files := map[string]string{
		"accounts.pem":            key,
		"tokens.csv":              token + ",admin,admin,system:masters\n",
		"kubeconfig":              kubeconfig,
		"kubelet.yaml":            kubeletConfig,
		"containerd.toml":         containerdConfig,
		"cni/10-slipway.conflist": networkConfig,
		"logs/.keep":              "",
		"volume-plugins/.keep":    "",
		"pki/.keep":               "",
	}
	for name, text := range files {
		if err := c.write(name, text); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// write fills a template in.
func (c *Cluster) write(name, text string) error {
	parsed, err := template.New(name).Parse(text)
	if err != nil {
		return err
	}
	var filled bytes.Buffer
	err = parsed.Execute(&filled, map[string]any{
		"Dir": c.dir, "Socket": c.socket(), "API": c.ports.api, "Kubelet": c.ports.kubelet, "Token": token, "Pause": pauseImage, "Bridge": bridge,
	})
	if err != nil {
		return err
	}
	file := c.in(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, filled.Bytes(), 0o600)
}

// accountsKey is a key that signs the tokens of service accounts.
func accountsKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return string(pem.EncodeToMemory(block)), nil
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: slipway-test
contexts:
- name: slipway-test
  context: {cluster: slipway-test, user: admin, namespace: default}
clusters:
- name: slipway-test
  cluster: {server: "https://127.0.0.1:{{.API}}", insecure-skip-tls-verify: true}
users:
- name: admin
  user: {token: {{.Token}}}
`

// kubeletConfig works on machines of both control group hierarchies, and never
// removes what a test has loaded to make room.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: {{.Kubelet}}
readOnlyPort: 0
healthzPort: 0
authentication:
  anonymous: {enabled: true}
  webhook: {enabled: false}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://{{.Socket}}
makeIPTablesUtilChains: false
podLogsDir: {{.Dir}}/pod-logs
volumePluginDir: {{.Dir}}/volume-plugins
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
`

// containerdConfig does without CAP_SYS_RESOURCE: restrict_oom_score_adj.
const containerdConfig = `version = 2
root = "{{.Dir}}/containerd"
state = "{{.Dir}}/containerd-state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{{.Socket}}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{{.Pause}}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{{.Dir}}/cni"
`

const bridge = "slipway-kube"

const networkConfig = `{
  "cniVersion": "1.0.0",
  "name": "slipway",
  "plugins": [{
    "type": "bridge", "bridge": "{{.Bridge}}", "isGateway": true, "ipMasq": true,
    "ipam": {
      "type": "host-local", "dataDir": "{{.Dir}}/cni-addresses", "routes": [{"dst": "0.0.0.0/0"}],
      "ranges": [[{"subnet": "10.213.77.0/24"}]]
    }
  }]
}
`
