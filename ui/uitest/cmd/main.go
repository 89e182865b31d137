// Command cmd shows the app on a cluster that is not there, or on one that was
// started elsewhere.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/klog/v2"

	"kubarium/ui"
	"kubarium/ui/panel"
	"kubarium/ui/remote"
	"kubarium/ui/uitest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	theme := flag.String("theme", "", "auto, dark, light or high-contrast")
	ascii := flag.Bool("ascii", false, "ASCII signs only")
	still := flag.Bool("no-motion", false, "nothing moves")
	slow := flag.Float64("slow", 1, "how much slower than real the start is")
	lesson := flag.Bool("lesson", false, "show a panel")
	kubeconfig := flag.String("kubeconfig", "", "show this cluster instead")
	program := flag.String("kubectl", "kubectl", "kubectl, for that cluster")
	flag.Parse()
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)

	log, err := os.CreateTemp("", "kubarium-uitest-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(log.Name()) }()
	for i := range 40 {
		_, _ = fmt.Fprintf(log, "I1120 22:41:%02d.%06d  1 controller.go:%d] \"Caches are synced\" controller=%d\n", i, i*7919, 100+i, i)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := uitest.New(time.Now(), log.Name())
	go c.Boot(ctx, *slow)
	var lessons panel.Panel
	if *lesson {
		lessons = &uitest.Panel{}
	}
	if *kubeconfig != "" {
		r, err := remote.Open(*kubeconfig, "")
		if err != nil {
			return err
		}
		return ui.Run(ctx, ui.Options{
			Cluster: r, Kubectl: kubectl(*program, *kubeconfig), Version: "dev", Theme: *theme, ASCII: *ascii, NoMotion: *still,
			Lessons: lessons,
		})
	}
	return ui.Run(ctx, ui.Options{
		Cluster: c, Kubectl: uitest.Kubectl, Version: "dev", Theme: *theme, ASCII: *ascii, NoMotion: *still,
		NewClient: c.NewClient, Lessons: lessons, Usage: func() (float64, float64) { return 0.12, 512 },
	})
}

// kubectl runs a program, given with its first arguments, on the cluster.
func kubectl(program, kubeconfig string) func(context.Context, ...string) *exec.Cmd {
	words := strings.Fields(program)
	return func(ctx context.Context, args ...string) *exec.Cmd {
		all := append(append(append([]string{}, words[1:]...), "--kubeconfig", kubeconfig), args...)
		return exec.CommandContext(ctx, words[0], all...)
	}
}
