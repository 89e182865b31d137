package tap

import (
	"context"

	internalapi "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Images returns an image service that tells the tap of the calls that go through it.
func (t *Tap) Images(service internalapi.ImageManagerService) internalapi.ImageManagerService {
	return &imageService{ImageManagerService: service, tap: t}
}

type imageService struct {
	internalapi.ImageManagerService
	tap *Tap
}

func (i *imageService) PullImage(ctx context.Context, image *runtimeapi.ImageSpec, auth *runtimeapi.AuthConfig, sandbox *runtimeapi.PodSandboxConfig) (string, error) {
	c := i.tap.begin("PullImage")
	id, err := i.ImageManagerService.PullImage(ctx, image, auth, sandbox)
	m := sandbox.GetMetadata()
	of := owner{pod: podObject(m.GetNamespace(), m.GetName(), m.GetUid())}
	c.end(of, &runtimeapi.PullImageRequest{Image: image, SandboxConfig: sandbox}, &runtimeapi.PullImageResponse{ImageRef: id}, err)
	return id, err
}

func (i *imageService) RemoveImage(ctx context.Context, image *runtimeapi.ImageSpec) error {
	c := i.tap.begin("RemoveImage")
	err := i.ImageManagerService.RemoveImage(ctx, image)
	c.end(owner{}, &runtimeapi.RemoveImageRequest{Image: image}, &runtimeapi.RemoveImageResponse{}, err)
	return err
}

func (i *imageService) ImageStatus(ctx context.Context, image *runtimeapi.ImageSpec, verbose bool) (*runtimeapi.ImageStatusResponse, error) {
	c := i.tap.begin("ImageStatus")
	response, err := i.ImageManagerService.ImageStatus(ctx, image, verbose)
	c.count(err)
	return response, err
}

func (i *imageService) ListImages(ctx context.Context, filter *runtimeapi.ImageFilter) ([]*runtimeapi.Image, error) {
	c := i.tap.begin("ListImages")
	list, err := i.ImageManagerService.ListImages(ctx, filter)
	c.count(err)
	return list, err
}

func (i *imageService) ImageFsInfo(ctx context.Context) (*runtimeapi.ImageFsInfoResponse, error) {
	c := i.tap.begin("ImageFsInfo")
	response, err := i.ImageManagerService.ImageFsInfo(ctx)
	c.count(err)
	return response, err
}
