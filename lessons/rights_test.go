package lessons

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestRightsOnTheMachineAreFound(t *testing.T) {
	text := strings.ReplaceAll(draft, "ID", "mighty")
	files := fstest.MapFS{
		"course.yaml": {Data: []byte("title: T\nchapters: [{title: C, lessons: [mighty]}]")}, "mighty/lesson.md": {Data: []byte(text)},
		"mighty/deep.yaml": {Data: []byte(`{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: a}, spec: {template: {spec: {hostPID: true, hostNetwork: false,
			containers: [{name: c, image: x, securityContext: {privileged: true}}], volumes: [{name: v, hostPath: {path: /}}]}}}}`)},
		"mighty/modest.yaml": {Data: []byte(`{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {hostPID: false, containers: [{name: c, image: x}]}}`)},
	}
	course, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(course.Rights(), "; ")
	if want := "lesson mighty, deep.yaml: hostPID; lesson mighty, deep.yaml: hostPath; lesson mighty, deep.yaml: privileged"; got != want {
		t.Errorf("found %s", got)
	}
	files["mighty/large.yaml"] = &fstest.MapFile{Data: make([]byte, maxFile+1)}
	if _, err := Load(files); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a large file: %v", err)
	}
}
