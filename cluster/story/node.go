package story

import (
	"encoding/json"

	"kubarium/cluster/trace"
)

// tells reports whether what a kubelet did belongs into stories: what changes something, and
// what it finds out. What it only looks at, does not; what it writes to the API server, and
// its Events, are there as requests and writes.
func tells(e trace.Event) bool {
	switch e.Verb {
	case "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "PullImage",
		"CreateContainer", "StartContainer", "StopContainer", "RemoveContainer", "UpdateContainerResources",
		"mount", "unmount", "probe", "notice":
		return true
	}
	return false
}

// onNode tells what a kubelet did for a pod in the story; a probe is told when its result is
// another than before.
func (s *Story) onNode(e trace.Event, m member) (Step, bool) {
	if e.Verb == "probe" {
		key := e.Object.UID + "/" + e.Fields["container"] + "/" + e.Fields["probe"]
		if s.probed[key] == e.Fields["result"] {
			return Step{}, false
		}
		s.probed[key] = e.Fields["result"]
	}
	step := Step{
		Seq: e.Seq, Time: e.Time, Who: "kubelet on " + e.Fields["node"], Object: m.object, Certain: true,
		What: onNode(e, describe(m.object)), Why: "its UID is that of " + describe(m.object), Detail: e.Detail,
	}
	step.Start, step.End = lasted(e)
	if e.Fields["error"] != "" {
		step.What += ", which fails: " + e.Fields["error"]
	}
	return m.after(step), true
}

// onNode is what a kubelet did, in words.
func onNode(e trace.Event, pod string) string {
	container := "container " + e.Fields["container"] + " of " + pod
	switch e.Verb {
	case "RunPodSandbox":
		return "has containerd run the sandbox of " + pod + madeID(e, "pod_sandbox_id")
	case "StopPodSandbox":
		return "has containerd stop the sandbox of " + pod
	case "RemovePodSandbox":
		return "has containerd remove the sandbox of " + pod
	case "PullImage":
		return "has containerd pull an image for " + pod
	case "CreateContainer":
		return "has containerd create " + container + madeID(e, "container_id")
	case "StartContainer":
		if pid := e.Fields[trace.PID]; pid != "" {
			container += " as process " + pid
		}
		return "has containerd start " + container
	case "StopContainer":
		return "has containerd stop " + container
	case "RemoveContainer":
		return "has containerd remove " + container
	case "UpdateContainerResources":
		return "has containerd change the resources of " + container
	case "mount":
		return "mounts " + e.Fields["target"]
	case "unmount":
		return "unmounts " + e.Fields["target"]
	case "probe":
		return "finds the " + e.Fields["probe"] + " probe of " + container + " " + e.Fields["result"]
	}
	return "notices " + e.Fields["type"] + " in " + pod
}

// madeID is the short ID of what the runtime made.
func madeID(e trace.Event, key string) string {
	var response map[string]string
	if json.Unmarshal([]byte(e.Fields["response"]), &response) != nil || len(response[key]) < 12 {
		return ""
	}
	return ": " + response[key][:12]
}
