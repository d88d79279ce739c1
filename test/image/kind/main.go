// Prints what kind makes of a configuration, defaults included, or why kind would not take it.
//
// The module's name lies below kind's own, because kind's strict decoder and its validation are internal to kind.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"sigs.k8s.io/kind/pkg/internal/apis/config"
	"sigs.k8s.io/kind/pkg/internal/apis/config/encoding"
)

func main() {
	cluster, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(cluster)
}

func read(path string) (*config.Cluster, error) {
	cluster, err := encoding.Load(path)
	if err != nil {
		return nil, err
	}
	return cluster, cluster.Validate()
}
