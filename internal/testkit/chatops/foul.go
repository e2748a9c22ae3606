package chatops

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	prowapi "sigs.k8s.io/prow/pkg/apis/prowjobs/v1"
	prowgithub "sigs.k8s.io/prow/pkg/github"
	"sigs.k8s.io/prow/pkg/pjutil"

	"slipway.dev/slipway/internal/evidence/decision"
	"slipway.dev/slipway/internal/signing"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/testkit/github"
)

// Forged is a webhook that GitHub did not send.
type Forged struct {
	Event   string
	GUID    string
	Payload []byte
	Change  func(http.Header) // of headers that are right; nil leaves them
}

// Signatures are what GitHub would say that a payload's are.
func Signatures(key string, payload []byte) (sha1Text, sha256Text string) {
	sum := func(kind func() hash.Hash) string {
		mac := hmac.New(kind, []byte(key))
		mac.Write(payload)
		return hex.EncodeToString(mac.Sum(nil))
	}
	return "sha1=" + sum(sha1.New), "sha256=" + sum(sha256.New)
}

// Post sends the plugin a webhook, and gives the status of its answer.
func (w *World) Post(ctx context.Context, f Forged) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(f.Payload))
	if err != nil {
		return 0, err
	}
	first, second := Signatures(secret, f.Payload)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": f.Event, "X-GitHub-Delivery": f.GUID,
		"X-Hub-Signature": first, "X-Hub-Signature-256": second,
	} {
		request.Header.Set(name, value)
	}
	if f.Change != nil {
		f.Change(request.Header)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Body.Close()
}

// Event is the webhook of a comment as GitHub words it.
func Event(r *github.Repo, action string, number int, c prowgithub.IssueComment) prowgithub.IssueCommentEvent {
	return prowgithub.IssueCommentEvent{
		Action: prowgithub.IssueCommentEventAction(action), Comment: c,
		Issue: prowgithub.Issue{Number: number, PullRequest: &struct{}{}},
		Repo:  prowgithub.Repo{Owner: prowgithub.User{Login: r.Org}, Name: r.Name, FullName: r.FullName()},
	}
}

// Standing is what only a promotion changes: the ledger, and the pointers of disks, of
// all channels but the first, which takes what is built.
func (w *World) Standing(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for key, err := range w.Store.List(ctx, "ledger/"+Artifact+"/") {
		if err != nil {
			return nil, err
		}
		if !isNext(key) {
			all[key] = "a record"
		}
	}
	for key, err := range w.disks.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(key, "blobs/") || isNext(key) {
			continue
		}
		data, _, err := w.disks.Read(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("read the pointer %s: %w", key, err)
		}
		all[key] = string(data)
	}
	return all, nil
}

func isNext(key string) bool {
	return strings.HasPrefix(key, "ledger/"+Artifact+"/next/") || strings.HasPrefix(key, "channels/"+Artifact+"/next.")
}

// Sign files a decision, signed by a key of the world, or, under another name, by one
// that nobody knows.
func (w *World) Sign(ctx context.Context, key string, d decision.Decision) (string, error) {
	signer := w.keys[key]
	if signer == nil {
		var err error
		if signer, err = stray(); err != nil {
			return "", err
		}
	}
	return decision.Add(ctx, w.Store, signer, d)
}

func stray() (dsse.SignerVerifier, error) {
	private, err := signing.Generate()
	if err != nil {
		return nil, err
	}
	return signing.NewSigner(private)
}

// Copy puts an object of the store under another key.
func (w *World) Copy(ctx context.Context, from, to string) error {
	body, err := w.Store.Open(ctx, from)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	return w.Store.Create(ctx, to, bytes.NewReader(data))
}

// Record puts a record into the store.
func (w *World) Record(ctx context.Context, key string, record any) error {
	return store.CreateJSON(ctx, w.Store, key, record)
}

// MakeJob makes a ProwJob of the promoter by hand, with arguments after the usual ones.
func (w *World) MakeJob(ctx context.Context, name string, change func(*prowapi.ProwJob), args ...string) error {
	template, err := job()
	if err != nil {
		return err
	}
	tip, err := w.Client.GetRef(ConfigOrg, Config, "heads/main")
	if err != nil {
		return err
	}
	made := pjutil.NewProwJob(pjutil.PostsubmitSpec(template, prowapi.Refs{Org: ConfigOrg, Repo: Config, BaseRef: "main", BaseSHA: tip}), nil, nil)
	made.Name = name
	container := &made.Spec.PodSpec.Containers[0]
	container.Args = append(container.Args, args...)
	if change != nil {
		change(&made)
	}
	_, err = w.Jobs.ProwV1().ProwJobs(Namespace).Create(ctx, &made, metav1.CreateOptions{})
	return err
}
