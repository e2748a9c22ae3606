// Command kubernetes is a whole Kubernetes node in one program, for tests: it is
// the component that its first argument names.
//
// Built with the tag control it is the control plane alone, in two thirds of the time.
// It is a module of its own, because Kubernetes' requirements would otherwise
// become those of the product, which needs only a client.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	if len(os.Args) < 2 {
		misused("no component is named")
	}
	os.Args = os.Args[1:] // the components read it, too
	if os.Args[0] == "etcd" {
		etcdmain.Main(os.Args) // exits by itself
		return
	}
	command := component(os.Args[0])
	if command == nil {
		misused(fmt.Sprintf("%q is no component", os.Args[0]))
	}
	os.Exit(cli.Run(command))
}

func component(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	}
	return ofNode(name)
}

func misused(what string) {
	fmt.Fprintf(os.Stderr, "kubernetes: %s; name one of etcd, kube-apiserver, and in a whole node kube-controller-manager, kube-scheduler, kubelet, kubectl\n", what)
	os.Exit(2)
}
