package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"kubarium/cluster/component"
	"kubarium/cluster/unixsocket"
)

// ErrNotRunning is returned when no cluster answers on the socket.
var ErrNotRunning = errors.New("the cluster is not running")

// ErrPermission is returned when the socket is for root only, and the caller is not.
var ErrPermission = errors.New("only root may command the cluster")

// Client commands a running cluster.
type Client struct {
	http *http.Client
}

// NewClient returns a client for the socket at path; nothing is dialed yet.
func NewClient(path string) *Client {
	return &Client{http: unixsocket.Client(unixsocket.At(path))}
}

// Info asks the cluster what it is and how it fares.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var info Info
	return info, c.call(ctx, http.MethodGet, "/v1/info", nil, &info)
}

// AddNode adds a node and returns its name. Unless disk is 0 it has a disk of its own, of
// so many bytes.
func (c *Client) AddNode(ctx context.Context, disk int64) (string, error) {
	var name string
	return name, c.call(ctx, http.MethodPost, "/v1/nodes?disk="+strconv.FormatInt(disk, 10), nil, &name)
}

// RemoveNode removes a node for good.
func (c *Client) RemoveNode(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/nodes/"+url.PathEscape(name), nil, nil)
}

// Node does one of start, stop and kill to a node.
func (c *Client) Node(ctx context.Context, name, action string) error {
	return c.call(ctx, http.MethodPost, "/v1/nodes/"+url.PathEscape(name)+"/"+action, nil, nil)
}

// Component does one of start and stop to a component of the control plane.
func (c *Client) Component(ctx context.Context, name, action string) error {
	return c.call(ctx, http.MethodPost, "/v1/components/"+url.PathEscape(name)+"/"+action, nil, nil)
}

// EncryptSecrets has Secrets encrypted in etcd, or no longer.
func (c *Client) EncryptSecrets(ctx context.Context, on bool) (Encryption, error) {
	action := "stop"
	if on {
		action = "start"
	}
	var result Encryption
	return result, c.call(ctx, http.MethodPost, "/v1/encryption/"+action, nil, &result)
}

// Images lists the images of the cluster's registry.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	var list []Image
	return list, c.call(ctx, http.MethodGet, "/v1/images", nil, &list)
}

// LoadImages puts the images of an archive into the registry, and returns their names.
func (c *Client) LoadImages(ctx context.Context, archive io.Reader) ([]string, error) {
	var names []string
	return names, c.call(ctx, http.MethodPost, "/v1/images", archive, &names)
}

// Freeze stops all nodes where they are, until Thaw.
func (c *Client) Freeze(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/freeze", nil, nil)
}

// Thaw lets the nodes go on, and returns when they are Ready.
func (c *Client) Thaw(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/thaw", nil, nil)
}

// Shutdown asks the cluster to end.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/v1/shutdown", nil, nil)
}

// Watch calls f with the state of each component, then with each change, until ctx
// ends or the cluster does.
func (c *Client) Watch(ctx context.Context, f func(component.Info)) error {
	response, err := c.do(ctx, http.MethodGet, "/v1/watch", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return unixsocket.Each(ctx, response.Body, "change", func(info component.Info) error {
		f(info)
		return nil
	})
}

func (c *Client) call(ctx context.Context, method, path string, body io.Reader, result any) error {
	response, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(response)
	}
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(result); err != nil {
		return fmt.Errorf("read answer of the cluster: %w", err)
	}
	return nil
}

// refusal is what an answer other than 200 says.
func refusal(response *http.Response) error {
	var f failure
	if err := json.NewDecoder(response.Body).Decode(&f); err != nil || f.Error == "" {
		return fmt.Errorf("the cluster answers %s", response.Status)
	}
	return errors.New(f.Error)
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://kubarium"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	switch {
	case err == nil:
		return response, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return nil, ErrPermission
	default:
		return nil, fmt.Errorf("ask the cluster: %w", err)
	}
}
