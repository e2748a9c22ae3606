// Command kubernetes is a whole Kubernetes node in one program, for tests: it is
// the component that its first argument names.
//
// It is a module of its own, because Kubernetes' requirements would otherwise
// become those of the product, which needs only a client.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
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
	case "kube-controller-manager":
		return controllers.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	case "kubectl":
		return kubectl.NewDefaultKubectlCommand()
	}
	return nil
}

func misused(what string) {
	fmt.Fprintf(os.Stderr, "kubernetes: %s; name one of etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl\n", what)
	os.Exit(2)
}
