package tap

import (
	"regexp"
	"strings"
	"time"

	"k8s.io/mount-utils"

	"kubarium/cluster/trace"
)

// Mounter returns a mounter that tells the tap what is mounted and unmounted.
func (t *Tap) Mounter(mounter mount.Interface) mount.Interface {
	m := &tappedMounter{Interface: mounter, tap: t, pod: regexp.MustCompile(`/pods/([0-9a-f-]{36})/`)}
	if force, ok := mounter.(mount.MounterForceUnmounter); ok {
		return &forcefulMounter{tappedMounter: m, force: force}
	}
	return m
}

type tappedMounter struct {
	mount.Interface
	tap *Tap
	// pod finds the UID of a pod in the path of its volume.
	pod *regexp.Regexp
}

func (m *tappedMounter) Mount(source, target, fstype string, options []string) error {
	err := m.Interface.Mount(source, target, fstype, options)
	m.note("mount", target, map[string]string{"from": source, "fstype": fstype, "options": strings.Join(options, ",")}, err)
	return err
}

func (m *tappedMounter) MountSensitive(source, target, fstype string, options, sensitive []string) error {
	err := m.Interface.MountSensitive(source, target, fstype, options, sensitive)
	m.note("mount", target, map[string]string{"from": source, "fstype": fstype, "options": strings.Join(options, ",")}, err)
	return err
}

func (m *tappedMounter) MountSensitiveWithoutSystemd(source, target, fstype string, options, sensitive []string) error {
	err := m.Interface.MountSensitiveWithoutSystemd(source, target, fstype, options, sensitive)
	m.note("mount", target, map[string]string{"from": source, "fstype": fstype, "options": strings.Join(options, ",")}, err)
	return err
}

func (m *tappedMounter) Unmount(target string) error {
	err := m.Interface.Unmount(target)
	m.note("unmount", target, nil, err)
	return err
}

func (m *tappedMounter) note(verb, target string, fields map[string]string, err error) {
	if fields == nil {
		fields = map[string]string{}
	}
	fields["target"] = target
	e := trace.Event{Verb: verb, Fields: fields, Detail: target}
	if verb == "mount" {
		e.Detail = strings.TrimSpace(fields["fstype"]+" "+fields["from"]) + " on " + target
	}
	if match := m.pod.FindStringSubmatch(target); match != nil {
		e.Object = m.tap.podOf(match[1])
	}
	if err != nil {
		fields["error"] = err.Error()
		e.Detail += ": " + err.Error()
	}
	m.tap.add(e, "mount")
}

// forcefulMounter can unmount what does not answer, too.
type forcefulMounter struct {
	*tappedMounter
	force mount.MounterForceUnmounter
}

// UnmountWithForce implements mount.MounterForceUnmounter.
func (m *forcefulMounter) UnmountWithForce(target string, limit time.Duration) error {
	err := m.force.UnmountWithForce(target, limit)
	m.note("unmount", target, nil, err)
	return err
}
