// Command kubernetes is one binary that holds what the conformance suite needs of a real
// Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager, each unchanged,
// as a subcommand. Building it from the Go module proxy needs no container and no download of
// release binaries, and the Go build cache makes every build after the first a matter of seconds.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

const usage = "usage: kubernetes etcd|apiserver|controller-manager [flags of that program]"

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	name, rest := os.Args[1], os.Args[2:]
	os.Args = append([]string{os.Args[0]}, rest...)
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "apiserver":
		os.Exit(run(apiserver.NewAPIServerCommand()))
	case "controller-manager":
		os.Exit(run(controllermanager.NewControllerManagerCommand()))
	default:
		fmt.Fprintf(os.Stderr, "kubernetes: unknown subcommand %q\n%s\n", name, usage)
		os.Exit(2)
	}
}

func run(command *cobra.Command) int {
	return cli.Run(command)
}
