package local

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"
)

// podClient is the pods of one namespace of a cluster.
type podClient struct {
	client    kubernetes.Interface
	rest      *rest.Config
	namespace string
}

func connect(c KubernetesConfig) (*podClient, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.Context}
	overrides.Context.Namespace = c.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w; name one with --kubeconfig and --context, or set KUBECONFIG", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	return &podClient{client, config, namespace}, nil
}

func (c *podClient) create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	return c.client.CoreV1().Pods(c.namespace).Create(ctx, pod, metav1.CreateOptions{})
}

// remove deletes the pod with a grace period; none removes its name at once. A pod
// that is gone is what was wanted.
func (c *podClient) remove(ctx context.Context, name string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	seconds := int64(grace.Seconds())
	err := c.client.CoreV1().Pods(c.namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &seconds})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// logs follows a container's log from a time on. Each line begins with its time.
func (c *podClient) logs(ctx context.Context, name, container string, since time.Time) (io.ReadCloser, error) {
	options := &corev1.PodLogOptions{Container: container, Follow: true, Timestamps: true}
	if !since.IsZero() {
		options.SinceTime = &metav1.Time{Time: since}
	}
	return c.client.CoreV1().Pods(c.namespace).GetLogs(name, options).Stream(ctx)
}

// warnings are the pod's warnings, as the cluster's controllers word them.
func (c *podClient) warnings(ctx context.Context, name string) []string {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	list, err := c.client.CoreV1().Events(c.namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.Set{"involvedObject.name": name, "type": corev1.EventTypeWarning}.String(),
	})
	if err != nil {
		return nil // who may not read events still sees the pod's own status
	}
	var texts []string
	for _, event := range list.Items {
		texts = append(texts, event.Reason+": "+event.Message)
	}
	return texts
}

// run starts a program in a container, and returns when it has ended.
func (c *podClient) run(ctx context.Context, name, container string, command []string, in io.Reader, out io.Writer) error {
	request := c.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(c.namespace).Name(name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: container, Command: command, Stdin: in != nil, Stdout: out != nil, Stderr: true,
		}, scheme.ParameterCodec)
	executor, err := remotecommand.NewSPDYExecutor(c.rest, "POST", request.URL())
	if err != nil {
		return err
	}
	said := &tail{}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: in, Stdout: out, Stderr: said})
	if err != nil && len(said.text) > 0 {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

const (
	callDeadline = 30 * time.Second
	silence      = 2 * time.Minute // how long the API server may not answer before a run is given up
	watchFor     = 5 * time.Minute // how long one watch lasts before the pod is read anew
)

// update is what became of a pod: its new state, its end, or that the API server
// does not answer.
type update struct {
	pod  *corev1.Pod
	gone bool
	err  error
}

// follow tells of every change of the pod until it is gone, ctx ends or the API
// server was silent for too long.
func (c *podClient) follow(ctx context.Context, name string) <-chan update {
	updates := make(chan update)
	go func() {
		defer close(updates)
		heard := time.Now()
		for ctx.Err() == nil {
			gone, err := c.watchOnce(ctx, name, updates, &heard)
			if !gone && (err == nil || time.Since(heard) < silence) {
				pause(ctx, time.Second)
				continue
			}
			select {
			case updates <- update{gone: gone, err: err}:
			case <-ctx.Done():
			}
			return
		}
	}()
	return updates
}

// watchOnce reads the pod and watches it as long as the API server lets it.
func (c *podClient) watchOnce(ctx context.Context, name string, updates chan<- update, heard *time.Time) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, watchFor)
	defer cancel()
	pods := c.client.CoreV1().Pods(c.namespace)
	pod, err := pods.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	tell(ctx, updates, pod)
	*heard = time.Now()
	changes, err := pods.Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String(), ResourceVersion: pod.ResourceVersion,
	})
	if err != nil {
		return false, err
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		*heard = time.Now()
		if pod, ok := change.Object.(*corev1.Pod); ok {
			tell(ctx, updates, pod)
			if change.Type == watch.Deleted {
				return true, nil
			}
		}
	}
	return false, nil
}

func tell(ctx context.Context, updates chan<- update, pod *corev1.Pod) {
	select {
	case updates <- update{pod: pod}:
	case <-ctx.Done():
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// tail keeps the beginning of what a program said, for an error.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	if room := 1000 - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.text) }
