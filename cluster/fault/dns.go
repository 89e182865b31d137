package fault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/util/retry"

	"kubarium/cluster/fault/corefile"
)

const (
	dnsNamespace = metav1.NamespaceSystem
	dnsName      = "coredns"
	corefileKey  = "Corefile"
)

// skewDNS puts a rule for the name into CoreDNS' configuration. Only its own lines are
// taken out again: what somebody else changes meanwhile stays.
func skewDNS(ctx context.Context, w World, o Order) (func(context.Context) error, error) {
	rule, err := dnsRule(o.Target, o.Params["answer"])
	if err != nil {
		return nil, err
	}
	client, err := w.Client()
	if err != nil {
		return nil, err
	}
	heal := func(ctx context.Context) error {
		return changeDNS(ctx, client, func(text string) (string, error) { return corefile.Without(text, o.Target), nil })
	}
	begun := false
	err = changeDNS(ctx, client, func(text string) (string, error) {
		changed, err := corefile.With(corefile.Without(text, o.Target), o.Target, rule)
		begun = begun || err == nil
		return changed, err
	})
	if !begun {
		return nil, err
	}
	return heal, err
}

// dnsRule is what CoreDNS is told, in the words of its template plugin.
func dnsRule(name, answer string) (string, error) {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fmt.Errorf("%q is no DNS name, such as web.default.svc.cluster.local", name)
	}
	switch answer {
	case "nxdomain", "servfail":
		return fmt.Sprintf("template ANY ANY %s {\n   rcode %s\n}", name, strings.ToUpper(answer)), nil
	}
	address, err := netip.ParseAddr(answer)
	if err != nil || !address.Is4() {
		return "", fmt.Errorf("answer %q: write an IPv4 address, nxdomain or servfail", answer)
	}
	return fmt.Sprintf("template IN A %s {\n   answer \"{{ .Name }} 5 IN A %s\"\n}", name, address), nil
}

// restartedAt is where 'kubectl rollout restart' notes when it was.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// errPutBack is returned when somebody brought an older CoreDNS back, as a snapshot does
// that is restored: the old pods stay, and the Corefile may be the old one, too.
var errPutBack = errors.New("CoreDNS was put back to what it was before")

// changeDNS changes the Corefile, and has CoreDNS read it now: by itself it would take a
// minute.
func changeDNS(ctx context.Context, client kubernetes.Interface, change func(string) (string, error)) error {
	for {
		if err := changeCorefile(ctx, client, change); err != nil {
			return fmt.Errorf("change the Corefile: %w", err)
		}
		if err := restartDNS(ctx, client); !errors.Is(err, errPutBack) {
			return err
		}
	}
}

func changeCorefile(ctx context.Context, client kubernetes.Interface, change func(string) (string, error)) error {
	maps := client.CoreV1().ConfigMaps(dnsNamespace)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		config, err := maps.Get(ctx, dnsName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		changed, err := change(config.Data[corefileKey])
		if err != nil {
			return err
		}
		config.Data[corefileKey] = changed
		_, err = maps.Update(ctx, config, metav1.UpdateOptions{})
		return err
	})
}

// restartDNS has new pods answer, and returns when no old one is left.
func restartDNS(ctx context.Context, client kubernetes.Interface) error {
	deployment, err := client.AppsV1().Deployments(dnsNamespace).Get(ctx, dnsName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("find CoreDNS: %w", err)
	}
	old, err := client.CoreV1().Pods(dnsNamespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(deployment.Spec.Selector)})
	if err != nil {
		return fmt.Errorf("list CoreDNS' pods: %w", err)
	}
	now := time.Now()
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{%q:%q}}}}}`, restartedAt, now.Format(time.RFC3339Nano))
	if _, err := client.AppsV1().Deployments(dnsNamespace).Patch(ctx, dnsName, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("restart CoreDNS: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop(nil)
	watching.Go(func() { stop(awaitPutBack(ctx, client, now)) })
	for _, pod := range old.Items {
		if err := awaitPodGone(ctx, client, pod.Name); err != nil {
			return fmt.Errorf("wait for the end of the old CoreDNS: %w", cmp.Or(context.Cause(ctx), err))
		}
	}
	return nil
}

// awaitPutBack watches CoreDNS until it is as it was before a restart. One that somebody
// restarted later is as good.
func awaitPutBack(ctx context.Context, client kubernetes.Interface, restarted time.Time) error {
	_, err := watchtools.UntilWithSync(ctx, watchOne(client, client.AppsV1().Deployments(dnsNamespace), dnsName), &appsv1.Deployment{}, nil, func(e watch.Event) (bool, error) {
		deployment, ok := e.Object.(*appsv1.Deployment)
		if !ok || e.Type == watch.Deleted {
			return false, nil
		}
		at, err := time.Parse(time.RFC3339Nano, deployment.Spec.Template.Annotations[restartedAt])
		return err != nil || at.Before(restarted), nil
	})
	if err != nil {
		return err
	}
	return errPutBack
}

// awaitPodGone watches a pod until it is deleted.
func awaitPodGone(ctx context.Context, client kubernetes.Interface, name string) error {
	gone := func(store cache.Store) (bool, error) { return len(store.List()) == 0, nil }
	_, err := watchtools.UntilWithSync(ctx, watchOne(client, client.CoreV1().Pods(dnsNamespace), name), &corev1.Pod{}, gone, func(e watch.Event) (bool, error) {
		return e.Type == watch.Deleted, nil
	})
	return err
}

// watchOne lists and watches the object of a name.
func watchOne[L runtime.Object](all kubernetes.Interface, kind interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}, name string) cache.ListerWatcher {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			return kind.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			return kind.Watch(ctx, options)
		},
	}, all)
}
