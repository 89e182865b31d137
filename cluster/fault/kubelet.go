package fault

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/node"
)

// raiseThreshold raises what the kubelet calls too little space left.
func raiseThreshold(ctx context.Context, w World, o Order, machine Machine) (func(context.Context) error, error) {
	var disk unix.Statfs_t
	if err := statDisk(machine, &disk); err != nil {
		return nil, fmt.Errorf("look at the node's disk: %w", err)
	}
	// Less than its size is free, always. 100% would switch the threshold off.
	size := strconv.FormatUint(disk.Blocks*uint64(disk.Bsize), 10)
	return changeConfig(ctx, w, o, func(content []byte) ([]byte, error) {
		config := map[string]any{}
		if err := yaml.Unmarshal(content, &config); err != nil {
			return nil, fmt.Errorf("read configuration of the kubelet: %w", err)
		}
		thresholds, _ := config["evictionHard"].(map[string]any)
		if thresholds == nil {
			thresholds = map[string]any{}
		}
		thresholds["nodefs.available"] = size
		config["evictionHard"] = thresholds
		return yaml.Marshal(config)
	})
}

func statDisk(machine Machine, disk *unix.Statfs_t) error {
	root, err := machine.OpenRoot("/var")
	if err != nil {
		return err
	}
	defer root.Close()
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Fstatfs(int(dir.Fd()), disk)
}

// corruptConfig cuts the kubelet's configuration off, as a write that did not end.
func corruptConfig(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	return changeConfig(ctx, w, o, func(content []byte) ([]byte, error) {
		return append(content[:len(content)/2:len(content)/2], "\n{{ this is not YAML\n"...), nil
	})
}

// changeConfig changes the kubelet's configuration file, and starts the kubelet anew.
// The file is in the node's memory, and is written anew at its next boot.
func changeConfig(ctx context.Context, w World, o Order, change func([]byte) ([]byte, error)) (func(context.Context) error, error) {
	machine, err := w.Machine(o.Target)
	if err != nil {
		return nil, err
	}
	had, err := machine.ReadFile(node.KubeletConfigPath)
	if err != nil {
		return nil, fmt.Errorf("the kubelet has no configuration yet: %w", err)
	}
	changed, err := change(had)
	if err != nil {
		return nil, err
	}
	heal := ifOn(machine, func(ctx context.Context) error { return withFile(ctx, machine, node.KubeletConfigPath, had) })
	return heal, withFile(ctx, machine, node.KubeletConfigPath, changed)
}
