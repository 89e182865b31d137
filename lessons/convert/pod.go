package convert

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// scriptsPod is a pod that has the scripts, and an account that may do in the lesson's
// namespace what its owner may. The node's files and network are not its own.
func scriptsPod(scripts map[string]string, image string) ([]byte, error) {
	meta := metav1.ObjectMeta{Name: "scripts"}
	rights, grace := false, int64(1)
	objects := []any{
		&corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta},
		&rbacv1.RoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "RoleBinding"}, ObjectMeta: meta,
			RoleRef:  rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "edit"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "scripts"}},
		},
		&corev1.ConfigMap{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta, Data: scripts},
		&corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: meta,
			Spec: corev1.PodSpec{
				ServiceAccountName: "scripts", TerminationGracePeriodSeconds: &grace,
				Containers: []corev1.Container{{
					Name: "scripts", Image: image, Command: []string{"sh", "-c", "sleep 1000000"},
					SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &rights},
					VolumeMounts:    []corev1.VolumeMount{{Name: "scripts", MountPath: "/scripts"}},
				}},
				Volumes: []corev1.Volume{{Name: "scripts", VolumeSource: corev1.VolumeSource{
					ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "scripts"}},
				}}},
			},
		},
	}
	var all [][]byte
	for _, o := range objects {
		text, err := yaml.Marshal(o)
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return bytes.Join(all, []byte("---\n")), nil
}
