package tap

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The labels by which a kubelet marks what it has the runtime make.
const (
	labelPodName       = "io.kubernetes.pod.name"
	labelPodNamespace  = "io.kubernetes.pod.namespace"
	labelPodUID        = "io.kubernetes.pod.uid"
	labelContainerName = "io.kubernetes.container.name"
)

// processTime bounds the tap's own question for a process.
const processTime = time.Second

// Runtime returns a runtime service that tells the tap of the calls that go through it.
func (t *Tap) Runtime(service internalapi.RuntimeService) internalapi.RuntimeService {
	return &runtimeService{RuntimeService: service, tap: t}
}

// runtimeService is the kubelet's side of the runtime's interface. What it does not
// override, goes unseen: streams, checkpoints, and what a kubelet asks once.
type runtimeService struct {
	internalapi.RuntimeService
	tap *Tap
}

func fromLabels(labels map[string]string) owner {
	return owner{
		pod:       podObject(labels[labelPodNamespace], labels[labelPodName], labels[labelPodUID]),
		container: labels[labelContainerName],
	}
}

func (r *runtimeService) RunPodSandbox(ctx context.Context, config *runtimeapi.PodSandboxConfig, handler string) (string, error) {
	c := r.tap.begin("RunPodSandbox")
	id, err := r.RuntimeService.RunPodSandbox(ctx, config, handler)
	m := config.GetMetadata()
	of := owner{pod: podObject(m.GetNamespace(), m.GetName(), m.GetUid())}
	r.tap.remember(id, of)
	c.end(of, &runtimeapi.RunPodSandboxRequest{Config: config, RuntimeHandler: handler}, &runtimeapi.RunPodSandboxResponse{PodSandboxId: id}, err)
	return id, err
}

func (r *runtimeService) StopPodSandbox(ctx context.Context, id string) error {
	c := r.tap.begin("StopPodSandbox")
	err := r.RuntimeService.StopPodSandbox(ctx, id)
	c.end(r.tap.ownerOf(id), &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}, &runtimeapi.StopPodSandboxResponse{}, err)
	return err
}

func (r *runtimeService) RemovePodSandbox(ctx context.Context, id string) error {
	c := r.tap.begin("RemovePodSandbox")
	err := r.RuntimeService.RemovePodSandbox(ctx, id)
	c.end(r.tap.ownerOf(id), &runtimeapi.RemovePodSandboxRequest{PodSandboxId: id}, &runtimeapi.RemovePodSandboxResponse{}, err)
	if err == nil {
		r.tap.forget(id)
	}
	return err
}

func (r *runtimeService) PodSandboxStatus(ctx context.Context, id string, verbose bool) (*runtimeapi.PodSandboxStatusResponse, error) {
	c := r.tap.begin("PodSandboxStatus")
	response, err := r.RuntimeService.PodSandboxStatus(ctx, id, verbose)
	c.count(err)
	return response, err
}

func (r *runtimeService) ListPodSandbox(ctx context.Context, filter *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	c := r.tap.begin("ListPodSandbox")
	list, err := r.RuntimeService.ListPodSandbox(ctx, filter)
	c.count(err)
	// After a restart, this is where the kubelet learns what there is, and so does the tap.
	for _, s := range list {
		if !r.tap.knows(s.GetId()) {
			m := s.GetMetadata()
			r.tap.remember(s.GetId(), owner{pod: podObject(m.GetNamespace(), m.GetName(), m.GetUid())})
		}
	}
	return list, err
}

func (r *runtimeService) CreateContainer(ctx context.Context, sandbox string, config *runtimeapi.ContainerConfig, sandboxConfig *runtimeapi.PodSandboxConfig) (string, error) {
	c := r.tap.begin("CreateContainer")
	id, err := r.RuntimeService.CreateContainer(ctx, sandbox, config, sandboxConfig)
	of := fromLabels(config.GetLabels())
	r.tap.remember(id, of)
	// The sandbox' configuration is that of RunPodSandbox again.
	request := &runtimeapi.CreateContainerRequest{PodSandboxId: sandbox, Config: config}
	c.end(of, request, &runtimeapi.CreateContainerResponse{ContainerId: id}, err)
	return id, err
}

func (r *runtimeService) StartContainer(ctx context.Context, id string) error {
	c := r.tap.begin("StartContainer")
	err := r.RuntimeService.StartContainer(ctx, id)
	c.took = time.Since(c.began)
	if err == nil {
		c.pid = r.processOf(ctx, id)
	}
	c.end(r.tap.ownerOf(id), &runtimeapi.StartContainerRequest{ContainerId: id}, &runtimeapi.StartContainerResponse{}, err)
	return err
}

// processOf asks for the number of a container's first process, which no answer to the kubelet
// has; "" if it is not to be had soon, since the kubelet waits meanwhile.
func (r *runtimeService) processOf(ctx context.Context, id string) string {
	ctx, cancel := context.WithTimeout(ctx, processTime)
	defer cancel()
	response, err := r.RuntimeService.ContainerStatus(ctx, id, true)
	if err != nil {
		return ""
	}
	// What containerd adds for whoever asks for more.
	var info struct {
		PID int `json:"pid"`
	}
	if json.Unmarshal([]byte(response.GetInfo()["info"]), &info) != nil || info.PID == 0 {
		return ""
	}
	return strconv.Itoa(info.PID)
}

func (r *runtimeService) StopContainer(ctx context.Context, id string, timeout int64) error {
	c := r.tap.begin("StopContainer")
	err := r.RuntimeService.StopContainer(ctx, id, timeout)
	c.end(r.tap.ownerOf(id), &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: timeout}, &runtimeapi.StopContainerResponse{}, err)
	return err
}

func (r *runtimeService) RemoveContainer(ctx context.Context, id string) error {
	c := r.tap.begin("RemoveContainer")
	err := r.RuntimeService.RemoveContainer(ctx, id)
	c.end(r.tap.ownerOf(id), &runtimeapi.RemoveContainerRequest{ContainerId: id}, &runtimeapi.RemoveContainerResponse{}, err)
	if err == nil {
		r.tap.forget(id)
	}
	return err
}

func (r *runtimeService) UpdateContainerResources(ctx context.Context, id string, resources *runtimeapi.ContainerResources) error {
	c := r.tap.begin("UpdateContainerResources")
	err := r.RuntimeService.UpdateContainerResources(ctx, id, resources)
	request := &runtimeapi.UpdateContainerResourcesRequest{ContainerId: id, Linux: resources.GetLinux()}
	c.end(r.tap.ownerOf(id), request, &runtimeapi.UpdateContainerResourcesResponse{}, err)
	return err
}

func (r *runtimeService) ExecSync(ctx context.Context, id string, cmd []string, timeout time.Duration) ([]byte, []byte, error) {
	c := r.tap.begin("ExecSync")
	stdout, stderr, err := r.RuntimeService.ExecSync(ctx, id, cmd, timeout)
	request := &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: cmd, Timeout: int64(timeout.Seconds())}
	c.end(r.tap.ownerOf(id), request, &runtimeapi.ExecSyncResponse{}, err)
	return stdout, stderr, err
}

func (r *runtimeService) Exec(ctx context.Context, request *runtimeapi.ExecRequest) (*runtimeapi.ExecResponse, error) {
	c := r.tap.begin("Exec")
	response, err := r.RuntimeService.Exec(ctx, request)
	// The address in the response is a key to the container.
	c.end(r.tap.ownerOf(request.GetContainerId()), request, nil, err)
	return response, err
}

func (r *runtimeService) ContainerStatus(ctx context.Context, id string, verbose bool) (*runtimeapi.ContainerStatusResponse, error) {
	c := r.tap.begin("ContainerStatus")
	response, err := r.RuntimeService.ContainerStatus(ctx, id, verbose)
	c.end(r.tap.ownerOf(id), &runtimeapi.ContainerStatusRequest{ContainerId: id, Verbose: verbose}, response, err)
	return response, err
}

func (r *runtimeService) ListContainers(ctx context.Context, filter *runtimeapi.ContainerFilter) ([]*runtimeapi.Container, error) {
	c := r.tap.begin("ListContainers")
	list, err := r.RuntimeService.ListContainers(ctx, filter)
	c.count(err)
	for _, container := range list {
		if !r.tap.knows(container.GetId()) {
			r.tap.remember(container.GetId(), fromLabels(container.GetLabels()))
		}
	}
	return list, err
}

func (r *runtimeService) ListContainerStats(ctx context.Context, filter *runtimeapi.ContainerStatsFilter) ([]*runtimeapi.ContainerStats, error) {
	c := r.tap.begin("ListContainerStats")
	list, err := r.RuntimeService.ListContainerStats(ctx, filter)
	c.count(err)
	return list, err
}

func (r *runtimeService) ListPodSandboxStats(ctx context.Context, filter *runtimeapi.PodSandboxStatsFilter) ([]*runtimeapi.PodSandboxStats, error) {
	c := r.tap.begin("ListPodSandboxStats")
	list, err := r.RuntimeService.ListPodSandboxStats(ctx, filter)
	c.count(err)
	return list, err
}

func (r *runtimeService) Status(ctx context.Context, verbose bool) (*runtimeapi.StatusResponse, error) {
	c := r.tap.begin("Status")
	response, err := r.RuntimeService.Status(ctx, verbose)
	c.count(err)
	return response, err
}

func (r *runtimeService) Version(ctx context.Context, version string) (*runtimeapi.VersionResponse, error) {
	c := r.tap.begin("Version")
	response, err := r.RuntimeService.Version(ctx, version)
	c.count(err)
	return response, err
}
