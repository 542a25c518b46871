// Command serin-argo-plugin is a metric provider plugin of Argo Rollouts. Argo's
// controller starts it as a process of its own and calls it by net/rpc. It asks
// Serin's HTTP API and puts the answer into Argo's words; it judges nothing itself
// and remembers nothing: what a later call needs is in the measurement's metadata.
//
// It is a module of its own, because Argo's types bring Kubernetes with them.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/argoproj/argo-rollouts/metricproviders/plugin/rpc"
	goplugin "github.com/hashicorp/go-plugin"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	serve(os.Args[1:], os.Stderr)
}

// serve answers Argo's controller until it ends. Arguments that cannot be meant do
// not end the process: Argo would only say that a plugin has gone. Each measurement
// is an error instead, with their faults in it.
func serve(args []string, log io.Writer) {
	p := provider{now: time.Now, environment: os.LookupEnv, follower: newFollower()}
	var err error
	if p.settings, err = readSettings(args); err != nil {
		p.fault = err
		fmt.Fprintf(log, "serin-argo-plugin: %v\n", err)
	}
	p.cluster, err = inCluster(p.settings.account, os.LookupEnv)
	if err != nil {
		fmt.Fprintf(log, "serin-argo-plugin: ended runs are not looked up: %v\n", err)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: 1, MagicCookieKey: "ARGO_ROLLOUTS_RPC_PLUGIN", MagicCookieValue: "metricprovider",
		},
		Plugins: map[string]goplugin.Plugin{"RpcMetricProviderPlugin": &rpc.RpcMetricProviderPlugin{Impl: p}},
	})
}

// version names the build and the Argo module whose types it speaks: controller and
// plugin exchange these types.
func version() string {
	own, argo := "unknown", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		own = info.Main.Version
		for _, m := range info.Deps {
			if m.Path == "github.com/argoproj/argo-rollouts" {
				argo = m.Version
			}
		}
	}
	return "serin-argo-plugin " + own + ", for argo-rollouts " + argo
}
