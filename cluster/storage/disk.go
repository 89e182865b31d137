// Package storage makes volumes for claims: directories on the node's disk where the
// scheduler wants the pod, by upstream's library for external provisioners.
//
// It runs in this process, which made the nodes' disks and can reach them; to the
// cluster it is a provisioner as any other, and its volumes are of type local: kept to
// their node, bound when a pod needs them.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// volumesDir holds a node's volumes, on its /var.
const volumesDir = "lib/kubarium/volumes"

// disks makes and removes volumes on the nodes' disks.
type disks struct {
	// openVar opens a node's /var; an error is ErrNoDisk if there is none now.
	openVar func(node string) (*os.Root, error)
}

// ErrNoDisk tells that a node, or its disk, is not there.
var ErrNoDisk = errors.New("its disk can't be reached")

var _ controller.Provisioner = disks{}

// Provision makes a directory on the node that the scheduler chose.
func (d disks) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if err := check(options); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	node, claim := options.SelectedNodeName, options.PVC
	// Pods could have put links anywhere; a Root follows none out of the disk.
	disk, err := d.openVar(node)
	if err != nil {
		// The scheduler may find another.
		return nil, controller.ProvisioningReschedule, err
	}
	defer disk.Close()
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if err := fits(disk, size); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("volume on %s: %w", node, err)
	}
	name := strings.Join([]string{options.PVName, claim.Namespace, claim.Name}, "_")
	if err := makeVolume(disk, name); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make volume on %s: %w", node, err)
	}
	return volumeOf(options, filepath.Join("/var", volumesDir, name), size), controller.ProvisioningFinished, nil
}

// check refuses what a directory on one node can't be.
func check(options controller.ProvisionOptions) error {
	claim := options.PVC
	if options.SelectedNodeName == "" {
		return fmt.Errorf("volumes lie on the node of their pod: give StorageClass %s volumeBindingMode WaitForFirstConsumer", options.StorageClass.Name)
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode != corev1.ReadWriteOnce && mode != corev1.ReadWriteOncePod {
			return fmt.Errorf("access mode %s: a volume is a directory on one node's disk, use ReadWriteOnce or ReadWriteOncePod", mode)
		}
	}
	if claim.Spec.Selector != nil {
		return errors.New("a selector chooses among existing volumes: leave it out, or make the volume yourself")
	}
	if claim.Spec.DataSource != nil || claim.Spec.DataSourceRef != nil {
		return errors.New("volumes can't be made from snapshots or other volumes here: leave dataSource out")
	}
	return nil
}

// fits refuses what is larger than what is free. Below that a size is a promise only:
// nothing holds a directory to it.
func fits(disk *os.Root, size resource.Quantity) error {
	dir, err := disk.Open(".")
	if err != nil {
		return fmt.Errorf("look at disk: %w", err)
	}
	defer dir.Close()
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &s); err != nil {
		return fmt.Errorf("look at disk: %w", err)
	}
	free := resource.NewQuantity(int64(s.Bavail)*s.Bsize>>20<<20, resource.BinarySI)
	if size.Cmp(*free) > 0 {
		return fmt.Errorf("it asks for %s, and the disk has %s free", size.String(), free)
	}
	return nil
}

// makeVolume makes a directory that any user of a pod may write to. The mask of modes that the
// program was started with is no matter of the node's.
func makeVolume(disk *os.Root, name string) error {
	if err := disk.MkdirAll(volumesDir, 0o755); err != nil {
		return err
	}
	if err := disk.Chmod(volumesDir, 0o755); err != nil {
		return err
	}
	path := filepath.Join(volumesDir, name)
	if err := disk.Mkdir(path, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.Chmod(path, 0o777)
}

func volumeOf(options controller.ProvisionOptions, path string, size resource.Quantity) *corev1.PersistentVolume {
	reclaim := corev1.PersistentVolumeReclaimDelete
	if options.StorageClass.ReclaimPolicy != nil {
		reclaim = *options.StorageClass.ReclaimPolicy
	}
	mode := corev1.PersistentVolumeFilesystem
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName, Annotations: map[string]string{nodeAnnotation: options.SelectedNodeName}},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: reclaim,
			AccessModes:                   options.PVC.Spec.AccessModes,
			VolumeMode:                    &mode,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: size},
			MountOptions:                  options.StorageClass.MountOptions,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: path}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{options.SelectedNodeName},
				}},
			}}}},
		},
	}
}

// Delete removes a volume's data. It has gone with the disk if the node was removed.
func (d disks) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	node := volume.Annotations[nodeAnnotation]
	if volume.Spec.Local == nil || node == "" {
		return &controller.IgnoredError{Reason: "it is not one of ours"}
	}
	disk, err := d.openVar(node)
	if errors.Is(err, ErrNoDisk) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open disk of %s: %w", node, err)
	}
	defer disk.Close()
	relative, err := filepath.Rel(filepath.Join("/var", volumesDir), volume.Spec.Local.Path)
	if err != nil || relative == "." || !filepath.IsLocal(relative) {
		return fmt.Errorf("volume %s lies at %s, where no volume of ours does: nothing is removed", volume.Name, volume.Spec.Local.Path)
	}
	if err := disk.RemoveAll(filepath.Join(volumesDir, relative)); err != nil {
		return fmt.Errorf("remove volume from %s: %w", node, err)
	}
	return nil
}
