package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func onDisk(dir string) disks {
	return disks{openVar: func(node string) (*os.Root, error) {
		if node != "node-1" {
			return nil, ErrNoDisk
		}
		return os.OpenRoot(dir)
	}}
}

func asked() controller.ProvisionOptions {
	return controller.ProvisionOptions{
		PVName: "pvc-1", SelectedNodeName: "node-1", StorageClass: &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}},
		PVC: &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data"}, Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}},
		}},
	}
}

func TestProvisionAndDelete(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	volume, state, err := onDisk(dir).Provision(context.Background(), asked())
	if err != nil || state != controller.ProvisioningFinished {
		t.Fatalf("provision: %s, %v", state, err)
	}
	made := filepath.Join(dir, volumesDir, "pvc-1_ns_data")
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o777 || volume.Spec.Local.Path != "/var/lib/kubarium/volumes/pvc-1_ns_data" {
		t.Errorf("volume at %s: %v, %v", volume.Spec.Local.Path, info, err)
	}
	if info, err := os.Stat(filepath.Dir(made)); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("others can't use the directory of volumes: %v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(made, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := onDisk(dir).Delete(context.Background(), volume); err != nil {
		t.Errorf("delete: %v", err)
	}
	if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the deleted volume: %v", err)
	}
	volume.Annotations[nodeAnnotation] = "node-2"
	if err := onDisk(dir).Delete(context.Background(), volume); err != nil {
		t.Errorf("delete, with the node gone: %v", err)
	}
}

// TestDeleteStaysInside proves that nothing but volumes is removed, whatever a pod or
// a volume's object says.
func TestDeleteStaysInside(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	kept := filepath.Join(outside, "pvc-1_ns_data", "kept")
	if err := errors.Join(os.MkdirAll(kept, 0o700), os.MkdirAll(filepath.Join(dir, "lib/kubarium"), 0o700), os.Symlink(outside, filepath.Join(dir, volumesDir))); err != nil {
		t.Fatal(err)
	}
	volume := func(path string) *corev1.PersistentVolume {
		v := volumeOf(asked(), path, resource.MustParse("1Mi"))
		return v
	}
	for _, path := range []string{"/var/lib/kubarium/volumes/pvc-1_ns_data", "/var/lib/kubarium/volumes", "/var/lib/kubarium/volumes/../../kubelet", "/etc"} {
		if err := onDisk(dir).Delete(context.Background(), volume(path)); err == nil {
			t.Errorf("%s is deleted", path)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("what a link leads to: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*controller.ProvisionOptions)
		told   string
		state  controller.ProvisioningState
	}{
		"too large": {func(o *controller.ProvisionOptions) {
			o.PVC.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("1Ei")
		}, "the disk has", controller.ProvisioningFinished},
		"many nodes": {func(o *controller.ProvisionOptions) { o.PVC.Spec.AccessModes[0] = corev1.ReadWriteMany }, "ReadWriteOncePod", controller.ProvisioningFinished},
		"immediate":  {func(o *controller.ProvisionOptions) { o.SelectedNodeName = "" }, "WaitForFirstConsumer", controller.ProvisioningFinished},
		"snapshot":   {func(o *controller.ProvisionOptions) { o.PVC.Spec.DataSource = &corev1.TypedLocalObjectReference{} }, "dataSource", controller.ProvisioningFinished},
		"selector":   {func(o *controller.ProvisionOptions) { o.PVC.Spec.Selector = &metav1.LabelSelector{} }, "selector", controller.ProvisioningFinished},
		"node gone":  {func(o *controller.ProvisionOptions) { o.SelectedNodeName = "node-9" }, "can't be reached", controller.ProvisioningReschedule},
	} {
		o := asked()
		c.change(&o)
		if _, state, err := onDisk(t.TempDir()).Provision(context.Background(), o); err == nil || !strings.Contains(err.Error(), c.told) || state != c.state {
			t.Errorf("%s: %s, %v", name, state, err)
		}
	}
}
