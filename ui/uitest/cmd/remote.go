package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"kubarium/cluster/component"
)

// remote is a cluster that was started by somebody else: there is no looking
// inside its components.
type remote struct {
	config *rest.Config
	name   string
}

func newRemote(kubeconfig string) (*remote, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	return &remote{config: config, name: strings.TrimPrefix(config.Host, "https://")}, nil
}

var errNotOurs = errors.New("this cluster was not started here")

func (r *remote) Name() string                                     { return r.name }
func (r *remote) Components() []component.Info                     { return nil }
func (r *remote) Watch(context.Context) <-chan component.Info      { return nil }
func (r *remote) RESTConfig(context.Context) (*rest.Config, error) { return r.config, nil }
func (r *remote) StopComponent(context.Context, string) error      { return errNotOurs }
func (r *remote) StartComponent(context.Context, string) error     { return errNotOurs }
func (r *remote) StopNode(context.Context, string) error           { return errNotOurs }
func (r *remote) StartNode(context.Context, string) error          { return errNotOurs }
func (r *remote) KillNode(context.Context, string) error           { return errNotOurs }
func (r *remote) LogFile(string) string                            { return "" }

// Ready waits until the API server answers.
func (r *remote) Ready(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(r.config)
	if err != nil {
		return err
	}
	for {
		_, err := client.Discovery().ServerVersion()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// kubectl runs a program, given with its first arguments, on the cluster.
func kubectl(program, kubeconfig string) func(context.Context, ...string) *exec.Cmd {
	words := strings.Fields(program)
	return func(ctx context.Context, args ...string) *exec.Cmd {
		all := append(append(append([]string{}, words[1:]...), "--kubeconfig", kubeconfig), args...)
		return exec.CommandContext(ctx, words[0], all...)
	}
}
