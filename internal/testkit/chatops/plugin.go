package chatops

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowconfig "sigs.k8s.io/prow/pkg/config"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/oci"
	"slipway.dev/slipway/internal/promotion"
	"slipway.dev/slipway/internal/promotion/proof"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
	"slipway.dev/slipway/prow/configrepo"
	"slipway.dev/slipway/prow/plugin"
	"slipway.dev/slipway/prow/plugin/promote"
)

// startPlugin starts the plugin, and has GitHub send it webhooks.
func (w *World) startPlugin() error {
	w.newPlugin()
	w.goRun(w.revive)
	secretFile := w.in("hmac")
	if err := write(secretFile, secret); err != nil {
		return err
	}
	key, err := plugin.OpenSecret(secretFile, w.log)
	if err != nil {
		return err
	}
	server, err := plugin.New(plugin.Config{Handlers: []plugin.Handler{w.handler()}, Secret: key, Log: w.log})
	if err != nil {
		return err
	}
	listeners, err := plugin.Listen("127.0.0.1:0", "", "")
	if err != nil {
		return err
	}
	w.URL = "http://" + listeners.Webhooks.Addr().String()
	w.goRun(func(ctx context.Context) {
		if err := server.Run(ctx, listeners); err != nil && w.Log != nil {
			w.Log("plugin: %v", err)
		}
	})
	if !w.Silent {
		w.GitHub.Webhook(w.URL, []byte(secret))
	}
	return nil
}

// running is one life of the plugin.
type running struct {
	sync.Mutex
	end  context.CancelFunc
	over chan struct{}

	died   <-chan struct{}
	closed bool // no other follows
}

// revive starts the plugin again whenever it was killed.
func (w *World) revive(ctx context.Context) {
	for {
		w.life.Lock()
		died := w.life.died
		w.life.Unlock()
		select {
		case <-died:
			w.Restart()
		case <-ctx.Done():
			return
		}
	}
}

// newPlugin starts a plugin that knows nothing but what the store has.
func (w *World) newPlugin() {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	w.life.Lock()
	defer w.life.Unlock()
	if w.life.closed {
		cancel()
		return
	}
	mortal := newMortal(0, false)
	if w.Lives != nil {
		mortal = newMortal(w.Lives())
	}
	client, plans := mortalGitHub{w.Client, mortal}, mortalStore{w.Store, mortal}
	p := promote.New(promote.Config{
		Comments: client, People: client,
		Repo: w.repo(client), Store: plans, Signer: w.keys["chatops"],
		Promoter: func(c *channel.Config) (*promotion.Promoter, error) { return w.promoter(c, plans) },
		ProwJobs: mortalJobs{w.Jobs.ProwV1().ProwJobs(Namespace), mortal}, Job: job, Log: w.log,
		Now: w.Now, Poll: w.Poll, Retry: w.Poll / 5,
	})
	w.Plugin, w.life.end, w.life.over, w.life.died = p, cancel, over, mortal.died
	w.stopped.Add(1)
	go func() {
		defer w.stopped.Done()
		defer close(over)
		if err := p.Run(ctx); err != nil && w.Error != nil {
			w.Error("plugin: %v", err)
		}
	}()
}

func (w *World) repo(g configrepo.GitHub) *configrepo.Repo {
	return &configrepo.Repo{
		Org: ConfigOrg, Name: Config, Branch: "main", Channels: "config/channels.yaml", Git: w.git, GitHub: g, Log: w.log,
	}
}

// Restart ends the plugin as it is, and starts another.
func (w *World) Restart() {
	w.endPlugin()
	w.newPlugin()
}

func (w *World) endPlugin() {
	w.life.Lock()
	end, over := w.life.end, w.life.over
	w.life.Unlock()
	if end != nil {
		end()
		<-over
	}
}

// handler is the plugin's that runs now.
func (w *World) handler() plugin.Handler {
	current := func() plugin.Handler {
		w.life.Lock()
		defer w.life.Unlock()
		return w.Plugin.Handler()
	}
	h := current()
	h.Accept = func(ctx context.Context, e plugin.Event) error { return current().Accept(ctx, e) }
	return h
}

func (w *World) promoter(c *channel.Config, s store.Store) (*promotion.Promoter, error) {
	p, err := proof.New(s, c.Signers, nil)
	return &promotion.Promoter{
		Config: c, Store: s, Proof: p, Registry: oci.New(oci.Config{}), OpenStore: storeurl.Open, Who: "plugin", Now: w.Now,
	}, err
}

// job is the postsubmit that promoters are made of; the runner knows its arguments.
func job() (prowconfig.Postsubmit, error) {
	return prowconfig.Postsubmit{JobBase: prowconfig.JobBase{
		Name: PromoteJob, Agent: string(prowapi.KubernetesAgent), MaxConcurrency: 1,
		Spec: &corev1.PodSpec{Containers: []corev1.Container{{
			Image: "registry.example.com/slipway/images/promoter@sha256:" + strings.Repeat("1", 64), Command: []string{"promoter"},
			Args: []string{"apply", "--store=/store", "--config=config/channels.yaml"},
		}}},
	}}, nil
}

// Secret is what webhooks are signed with.
func (w *World) Secret() []byte { return []byte(secret) }
