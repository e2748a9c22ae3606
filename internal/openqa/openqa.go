// Package openqa has tests of an operating system run by an openQA, and judges them.
//
// A run is one suite on one disk. Its jobs carry a name that follows from what is run, so
// that a run which was killed and is started again finds its jobs and submits nothing
// twice; they are submitted in one request, all or none. Only what openQA calls passed is
// a pass. An openQA that is away, busy or broken is never taken for a test that failed:
// that is an Error, and a verdict is none.
package openqa

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says which openQA, and how to treat it. Of its zero values only Host is refused.
type Config struct {
	Host        string // https://openqa.example.com
	Credentials Credentials
	Timeout     time.Duration        // of one request of the API; 30 s
	Patience    time.Duration        // how long openQA may be away or busy; 2 min
	Pause       time.Duration        // before the first of the attempts that follow; 500 ms
	Say         func(message string) // is told what is waited for; optional
	Now         func() time.Time     // the time that requests are stamped with; time.Now
}

// Client speaks to one openQA.
type Client struct {
	base        *url.URL
	credentials Credentials
	http        *http.Client
	timeout     time.Duration
	patience    time.Duration
	pause       time.Duration
	say         func(string)
	now         func() time.Time
}

// New makes a client. It asks nothing yet.
func New(config Config) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(config.Host, "/"))
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, fmt.Errorf("%q is no address of an openQA; write https://HOST", redactURL(config.Host))
	case base.User != nil:
		return nil, fmt.Errorf("the address of openQA at %s holds a password; leave it out, and give key and secret in a file", base.Host)
	case base.Path != "" || base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("%q is more than the address of an openQA; write %s://%s", config.Host, base.Scheme, base.Host)
	}
	c := &Client{
		base: base, credentials: config.Credentials, say: config.Say, now: config.Now,
		timeout:  cmp.Or(config.Timeout, 30*time.Second),
		patience: cmp.Or(config.Patience, 2*time.Minute),
		pause:    cmp.Or(config.Pause, 500*time.Millisecond),
	}
	if c.say == nil {
		c.say = func(string) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.http = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: c.timeout, TLSHandshakeTimeout: c.timeout, IdleConnTimeout: time.Minute,
		},
		// The signature is of one path at one host, and the key is nobody else's business.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Job is a job of openQA, as it lists them.
type Job struct {
	ID        int64             `json:"id"`
	Name      string            `json:"name"`
	Test      string            `json:"test"`
	State     string            `json:"state"`
	Result    string            `json:"result"`
	Reason    string            `json:"reason"`   // of openQA or its worker, for what is not the test's
	CloneID   int64             `json:"clone_id"` // the job that this one was restarted as
	BlockedBy int64             `json:"blocked_by_id"`
	Started   string            `json:"t_started"`
	Finished  string            `json:"t_finished"`
	Settings  map[string]string `json:"settings"`
	Modules   []Module          `json:"modules"`
}

// Module is one part of a job's test.
type Module struct {
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Result   string   `json:"result"`
	Flags    []string `json:"flags"`
}

// Ended says whether a job is over: openQA changes nothing of it any more, but that it
// may restart it as another one.
func (j Job) Ended() bool { return j.State == "done" || j.State == "cancelled" }

// Times are when a job started and finished, as far as openQA says; it means UTC.
func (j Job) Times() (started, finished time.Time) {
	return parseTime(j.Started), parseTime(j.Finished)
}

func parseTime(text string) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Link is where people look at a job.
func (c *Client) Link(id int64) string {
	return c.base.String() + "/tests/" + strconv.FormatInt(id, 10)
}

// Jobs are those of ids, by their ID. What openQA no longer has is left out.
func (c *Client) Jobs(ctx context.Context, ids []int64) (map[int64]Job, error) {
	texts := make([]string, 0, len(ids))
	for _, id := range ids {
		texts = append(texts, strconv.FormatInt(id, 10))
	}
	listed, err := c.list(ctx, "ids", strings.Join(texts, ","))
	if err != nil {
		return nil, err
	}
	jobs := map[int64]Job{}
	for _, job := range listed {
		if slices.Contains(ids, job.ID) {
			jobs[job.ID] = job
		}
	}
	return jobs, nil
}

// list asks for the jobs with one value of a parameter, in the order of their IDs.
func (c *Client) list(ctx context.Context, parameter, value string) ([]Job, error) {
	request := call{do: "list jobs with " + parameter + " " + value, method: http.MethodGet, path: "/api/v1/jobs?" + parameter + "=" + value}
	var answer struct {
		Jobs []Job `json:"jobs"`
	}
	err := c.json(ctx, request, &answer, func() error {
		if answer.Jobs == nil {
			return fmt.Errorf("it has no list of jobs")
		}
		for _, job := range answer.Jobs {
			if job.ID <= 0 || job.State == "" {
				return fmt.Errorf("a job in it has no id or no state")
			}
		}
		return nil
	})
	slices.SortFunc(answer.Jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	return answer.Jobs, err
}

// CheckKey asks openQA whether the key may submit jobs: an order without a test is
// refused for that, and by a key that may not, for the key.
func (c *Client) CheckKey(ctx context.Context) error {
	body, err := c.send(ctx, call{do: "ask whether the key may submit jobs", method: http.MethodPost, path: "/api/v1/jobs"})
	if e := asError(err); e != nil && e.Status == http.StatusBadRequest {
		return nil
	}
	if err == nil {
		said := fmt.Sprintf("an order without a test was accepted: %q", c.credentials.hide(clip(string(body))))
		return &Error{Do: "ask whether the key may submit jobs", Host: c.base.Host, Err: ErrRubbish, Said: said, Cure: cureRubbish}
	}
	return err
}

// submit has jobs made, all of them or none, and returns their IDs by name. It asks once.
func (c *Client) submit(ctx context.Context, form url.Values) (map[string]int64, error) {
	request := call{do: "submit jobs", method: http.MethodPost, path: "/api/v1/jobs", form: form, once: true}
	var answer struct {
		IDs map[string]int64 `json:"ids"`
	}
	err := c.json(ctx, request, &answer, func() error {
		if len(answer.IDs) == 0 {
			return fmt.Errorf("it has no IDs of jobs")
		}
		return nil
	})
	return answer.IDs, err
}

// cancel ends a job that has not ended; of one that has, it changes nothing.
func (c *Client) cancel(ctx context.Context, id int64, reason string) error {
	_, err := c.send(ctx, call{
		do: fmt.Sprintf("cancel job %d", id), method: http.MethodPost,
		path: fmt.Sprintf("/api/v1/jobs/%d/cancel", id), form: url.Values{"reason": {reason}},
	})
	return err
}

// register tells openQA of a file in its factory folder.
func (c *Client) register(ctx context.Context, name string) error {
	_, err := c.send(ctx, call{
		do: "register disk " + name, method: http.MethodPost, path: "/api/v1/assets",
		form: url.Values{"type": {"hdd"}, "name": {name}},
	})
	return err
}

// Details is a job with what its modules saw, as openQA has it: for files and people.
type Details struct {
	Raw     json.RawMessage
	Modules []ModuleDetails
	Logs    []string
}

// ModuleDetails is what one module saw.
type ModuleDetails struct {
	Module
	Time  string `json:"execution_time"`
	Steps []Step `json:"details"`
}

// Step is something that a module looked at: a screen, or text that it recorded.
type Step struct {
	Title      string `json:"title"`
	Result     string `json:"result"`
	Screenshot any    `json:"screenshot"` // a file's name, or 1 or null where there is none
	Text       string `json:"text"`       // a file's name
	TextData   string `json:"text_data"`
}

// details asks for them.
func (c *Client) details(ctx context.Context, id int64) (Details, error) {
	var answer struct {
		Job *struct {
			Results []ModuleDetails `json:"testresults"`
			Logs    []string        `json:"logs"`
			Uploads []string        `json:"ulogs"`
		} `json:"job"`
	}
	raw, err := c.send(ctx, call{do: fmt.Sprintf("ask for details of job %d", id), method: http.MethodGet, path: fmt.Sprintf("/api/v1/jobs/%d/details", id)})
	if err != nil {
		return Details{}, err
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Job == nil {
		return Details{}, &Error{Do: fmt.Sprintf("read details of job %d", id), Host: c.base.Host, Err: ErrRubbish, Said: clip(string(raw))}
	}
	return Details{Raw: raw, Modules: answer.Job.Results, Logs: slices.Concat(answer.Job.Logs, answer.Job.Uploads)}, nil
}
