package fault

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"kubarium/cluster/node"
)

// nodefs is the threshold of the kubelet that is raised.
const nodefs = "nodefs.available"

// raiseThreshold raises what the kubelet calls too little space left. Only that is put back: the
// clock may have changed the configuration meanwhile.
func raiseThreshold(ctx context.Context, w World, o Order, machine Machine) (func(context.Context) error, error) {
	var disk unix.Statfs_t
	if err := statDisk(machine, &disk); err != nil {
		return nil, fmt.Errorf("look at the node's disk: %w", err)
	}
	// Less than its size is free, always. 100% would switch the threshold off.
	size := strconv.FormatUint(disk.Blocks*uint64(disk.Bsize), 10)
	var had any
	raise := changeThresholds(func(thresholds map[string]any) {
		had = thresholds[nodefs]
		thresholds[nodefs] = size
	})
	lower := changeThresholds(func(thresholds map[string]any) {
		if thresholds[nodefs] = had; had == nil {
			delete(thresholds, nodefs)
		}
	})
	return changeConfig(ctx, w, o, raise, lower)
}

// changeThresholds returns what changes those thresholds in a configuration, and nothing else.
func changeThresholds(change func(thresholds map[string]any)) func([]byte) ([]byte, error) {
	return func(content []byte) ([]byte, error) {
		config := map[string]any{}
		if err := yaml.Unmarshal(content, &config); err != nil {
			return nil, fmt.Errorf("read configuration of the kubelet: %w", err)
		}
		thresholds, _ := config["evictionHard"].(map[string]any)
		if thresholds == nil {
			thresholds = map[string]any{}
		}
		change(thresholds)
		if config["evictionHard"] = thresholds; len(thresholds) == 0 {
			delete(config, "evictionHard")
		}
		return yaml.Marshal(config)
	}
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
	var had []byte
	corrupt := func(content []byte) ([]byte, error) {
		had = content
		return append(content[:len(content)/2:len(content)/2], "\n{{ this is not YAML\n"...), nil
	}
	return changeConfig(ctx, w, o, corrupt, func([]byte) ([]byte, error) { return had, nil })
}

// changeConfig changes the kubelet's configuration file, and starts the kubelet anew; back takes
// that out of what the file has when it is healed. The file is in the node's memory, and is
// written anew at its next boot.
func changeConfig(ctx context.Context, w World, o Order, change, back func([]byte) ([]byte, error)) (func(context.Context) error, error) {
	machine, err := w.Machine(o.Target)
	if err != nil {
		return nil, err
	}
	begun := false
	write := func(ctx context.Context, change func([]byte) ([]byte, error)) error {
		content, err := machine.ReadFile(node.KubeletConfigPath)
		if err != nil {
			return fmt.Errorf("the kubelet has no configuration yet: %w", err)
		}
		if content, err = change(content); err != nil {
			return err
		}
		begun = true
		return withFile(ctx, machine, node.KubeletConfigPath, content)
	}
	if err = write(ctx, change); !begun {
		return nil, err
	}
	return ifOn(machine, func(ctx context.Context) error { return write(ctx, back) }), err
}
