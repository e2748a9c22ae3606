package cluster

import (
	"fmt"
	"net"
	"strconv"
)

const (
	nodeName = "localhost" // also the address at which the API server asks for logs
	token    = "slipway-test"
)

// component is a program to run: data, so that the order of things is seen in start.
type component struct {
	name string
	path string // empty is the node's own program
	args []string
}

// ports are free ones of loopback.
type ports struct{ etcd, peers, api, kubelet int }

func freePorts() (ports, error) {
	var p ports
	for _, port := range []*int{&p.etcd, &p.peers, &p.api, &p.kubelet} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return p, err
		}
		defer listener.Close() // at the end, so that no two are the same
		*port = listener.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func (c *Cluster) containerd() component {
	return component{"containerd", "containerd", []string{"--config", c.in("containerd.toml")}}
}

func (c *Cluster) etcd() component {
	client, peers := "http://"+local(c.ports.etcd), "http://"+local(c.ports.peers)
	return component{name: "etcd", args: []string{
		"--data-dir", c.in("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--max-request-bytes=10485760", // the custom resource ProwJob is 1.6 MB
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers,
	}}
}

func (c *Cluster) apiServer() component {
	return component{name: "kube-apiserver", args: []string{
		"--etcd-servers", "http://" + local(c.ports.etcd),
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", c.ports.api), "--cert-dir", c.in("pki"),
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none", // nobody asks for the service in the cluster
		"--token-auth-file", c.in("tokens.csv"), "--authorization-mode=RBAC", "--allow-privileged",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file", c.in("accounts.pem"), "--service-account-signing-key-file", c.in("accounts.pem"),
		"--service-cluster-ip-range=198.18.0.0/24", "--kubelet-preferred-address-types=Hostname",
	}}
}

func (c *Cluster) controllers() component {
	return component{name: "kube-controller-manager", args: []string{
		"--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--service-account-private-key-file", c.in("accounts.pem"), "--root-ca-file", c.in("pki", "apiserver.crt"),
	}}
}

func (c *Cluster) scheduler() component {
	return component{name: "kube-scheduler", args: []string{"--kubeconfig", c.Kubeconfig, "--leader-elect=false", "--secure-port=0"}}
}

func (c *Cluster) kubelet() component {
	return component{name: "kubelet", args: []string{
		"--kubeconfig", c.Kubeconfig, "--config", c.in("kubelet.yaml"), "--hostname-override", nodeName,
		"--root-dir", c.in("kubelet"), "--cert-dir", c.in("pki"),
	}}
}
