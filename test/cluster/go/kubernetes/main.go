// One program that is every part of Kubernetes: it acts as the part whose name it was called by.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // schedules name time zones, and the node may not have them

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the clients' metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectlcli "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// The parts by name; each returns the process's exit code.
var parts = map[string]func() int{
	"etcd":                    func() int { etcdmain.Main(os.Args); return 0 },
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllers.NewControllerManagerCommand()) },
	"kube-proxy":              func() int { return cli.Run(proxy.NewProxyCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubectl":                 kubectl,
	"kubelet":                 func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
}

func kubectl() int {
	// The flags are parsed only once the command runs, too late for what it logs while it is built.
	_, _ = logs.GlogSetter(kubectlcli.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectlcli.NewDefaultKubectlCommand()); err != nil {
		// Prints the error as kubectl does, and ends with the code that it carries.
		kubectlutil.CheckErr(err)
	}
	return 0
}

func main() {
	part, known := parts[filepath.Base(os.Args[0])]
	if !known {
		fmt.Fprintf(os.Stderr, "call this program by the name of a part: %s\n", strings.Join(names(), ", "))
		os.Exit(2)
	}
	os.Exit(part())
}

func names() []string {
	var all []string
	for name := range parts {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
