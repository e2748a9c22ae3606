package gerrit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	gogerrit "github.com/andygrunwald/go-gerrit"
)

// What all tests' fake Gerrits have in common.
const (
	instance = "https://gerrit.example.com"
	project  = "crostini-guest"
	cookie   = "1//secret"
	botID    = 7
	maxPage  = 100 // Gerrit's own limit, whatever is asked
)

// fake is a Gerrit that is strict about what it is asked, and knows of patch sets,
// votes and messages what Gerrit does. Prow's fakegerritserver has no query, no votes
// and no pages.
type fake struct {
	t      testing.TB
	client *http.Client // finds the fake at instance

	mu      sync.Mutex
	changes []*fakeChange
	calls   []string // method and path
	fault   func(http.ResponseWriter, *http.Request) bool
	reviews []gogerrit.ReviewInput
}

// fakeChange is a change, with the votes on its current patch set.
type fakeChange struct {
	number       int
	branch       string
	status       string
	wip, private bool
	patchSet     int
	file         string
	votes        map[string]map[int]int // by label and account
	messages     []gogerrit.ChangeMessageInfo
}

func newFake(t testing.TB) *fake {
	f := &fake{t: t}
	server := httptest.NewTLSServer(f)
	t.Cleanup(server.Close)
	f.client = server.Client()
	return f
}

// add makes an open change of one patch set.
func (f *fake) add(number int) *fakeChange {
	change := &fakeChange{number: number, branch: "master", status: "NEW", patchSet: 1, file: "debian/rules", votes: map[string]map[int]int{}}
	f.changes = append(f.changes, change)
	return change
}

// vote gives a value; 0 takes the vote back.
func (c *fakeChange) vote(label string, account, value int) *fakeChange {
	if c.votes[label] == nil {
		c.votes[label] = map[int]int{}
	}
	c.votes[label][account] = value
	return c
}

// upload is a new patch set, to which Gerrit copies the votes of the labels in copied.
func (c *fakeChange) upload(copied ...string) {
	c.patchSet++
	for label := range c.votes {
		if !slices.Contains(copied, label) {
			delete(c.votes, label)
		}
	}
}

func (c *fakeChange) revision() string { return fmt.Sprintf("%020d%020d", c.number, c.patchSet) }

func (c *fakeChange) id() string { return fmt.Sprintf("%s~%d", project, c.number) }

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	if f.fault != nil && f.fault(w, r) {
		return
	}
	if got, err := r.Cookie("o"); err != nil || got.Value != cookie || !strings.HasPrefix(r.URL.Path, "/a/") {
		http.Error(w, "Authentication required", http.StatusForbidden)
		return
	}
	answer, err := f.answer(r, strings.TrimPrefix(r.URL.Path, "/a/"))
	if err != nil {
		f.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	data, err := json.Marshal(answer)
	if err != nil {
		f.t.Error(err)
	}
	_, _ = w.Write(append([]byte(")]}'\n"), data...))
}

func (f *fake) answer(r *http.Request, path string) (any, error) {
	parts := strings.Split(path, "/")
	switch {
	case r.Method == http.MethodGet && path == "accounts/self":
		return gogerrit.AccountInfo{AccountID: botID}, nil
	case r.Method == http.MethodGet && path == "changes/":
		return f.list(r)
	case r.Method == http.MethodGet && len(parts) == 2 && parts[0] == "changes":
		change, err := f.find(parts[1])
		if err != nil {
			return nil, err
		}
		return f.info(change, r.URL.Query()["o"])
	case r.Method == http.MethodGet && len(parts) == 4 && parts[0] == "projects" && parts[2] == "branches":
		return gogerrit.BranchInfo{Ref: "refs/heads/" + parts[3], Revision: strings.Repeat("b", 40)}, nil
	case r.Method == http.MethodPost && len(parts) == 5 && parts[0] == "changes" && parts[4] == "review":
		return f.review(r.Body, parts[1], parts[3])
	}
	return nil, fmt.Errorf("no such endpoint")
}

func (f *fake) find(id string) (*fakeChange, error) {
	for _, change := range f.changes {
		if change.id() == id {
			return change, nil
		}
	}
	return nil, fmt.Errorf("no change %s", id)
}

// asked is the only query that the fake understands.
var asked = regexp.MustCompile(`^project:(\S+) status:open -is:wip -is:private \((label:[\w-]+>=\d+(?: OR label:[\w-]+>=\d+)*)\)$`)

func (f *fake) list(r *http.Request) (any, error) {
	values := r.URL.Query()
	parts := asked.FindStringSubmatch(values.Get("q"))
	if parts == nil {
		return nil, fmt.Errorf("no query of Gerrit's: %s", values.Get("q"))
	}
	n, err := strconv.Atoi(values.Get("n"))
	if err != nil || n < 1 {
		return nil, fmt.Errorf("n is %q", values.Get("n"))
	}
	start, err := strconv.Atoi(cmp.Or(values.Get("start"), "0"))
	if err != nil {
		return nil, err
	}
	page := []gogerrit.ChangeInfo{}
	for _, change := range f.changes {
		if parts[1] != project || change.status != "NEW" || change.wip || change.private || !change.matches(parts[2]) {
			continue
		}
		if start--; start >= 0 {
			continue
		}
		if len(page) == min(n, maxPage) {
			page[len(page)-1].MoreChanges = true
			break
		}
		info, err := f.info(change, values["o"])
		if err != nil {
			return nil, err
		}
		page = append(page, info)
	}
	return page, nil
}

// matches evaluates label:A>=1 OR label:B>=2.
func (c *fakeChange) matches(labels string) bool {
	return slices.ContainsFunc(strings.Split(labels, " OR "), func(term string) bool {
		label, value, _ := strings.Cut(strings.TrimPrefix(term, "label:"), ">=")
		least, err := strconv.Atoi(value)
		for _, given := range c.votes[label] {
			if err == nil && given >= least {
				return true
			}
		}
		return false
	})
}

// info is a change with what options ask for, and no more.
func (f *fake) info(c *fakeChange, options []string) (gogerrit.ChangeInfo, error) {
	info := gogerrit.ChangeInfo{
		ID: c.id(), ChangeID: fmt.Sprintf("I%040d", c.number), Number: c.number, Project: project, Branch: c.branch,
		Status: c.status, WorkInProgress: c.wip, IsPrivate: c.private,
	}
	revision := gogerrit.RevisionInfo{Number: c.patchSet, Ref: fmt.Sprintf("refs/changes/%02d/%d/%d", c.number%100, c.number, c.patchSet)}
	for _, option := range options {
		switch option {
		case "CURRENT_REVISION":
			info.CurrentRevision = c.revision()
		case "CURRENT_COMMIT":
			revision.Commit.Author = gogerrit.GitPersonInfo{Name: "Maintainer One", Email: "maintainer-one@example.com"}
		case "CURRENT_FILES":
			revision.Files = map[string]gogerrit.FileInfo{c.file: {}}
		case "DETAILED_LABELS":
			info.Labels = c.labels()
		case "MESSAGES":
			info.Messages = c.messages
		default:
			return info, fmt.Errorf("no option %s", option)
		}
	}
	if info.CurrentRevision != "" {
		info.Revisions = map[string]gogerrit.RevisionInfo{info.CurrentRevision: revision}
	}
	return info, nil
}

func (c *fakeChange) labels() map[string]gogerrit.LabelInfo {
	labels := map[string]gogerrit.LabelInfo{}
	for label, votes := range c.votes {
		var all []gogerrit.ApprovalInfo
		for account, value := range votes {
			all = append(all, gogerrit.ApprovalInfo{AccountInfo: gogerrit.AccountInfo{AccountID: account}, Value: value})
		}
		labels[label] = gogerrit.LabelInfo{All: all}
	}
	return labels
}

func (f *fake) review(body io.Reader, id, revision string) (any, error) {
	change, err := f.find(id)
	if err != nil {
		return nil, err
	}
	var input gogerrit.ReviewInput
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&input); err != nil {
		return nil, err
	}
	if revision != change.revision() {
		return nil, fmt.Errorf("%s is not the current revision", revision)
	}
	f.reviews = append(f.reviews, input)
	change.messages = append(change.messages, gogerrit.ChangeMessageInfo{
		Author: gogerrit.AccountInfo{AccountID: botID}, Message: "Patch Set " + strconv.Itoa(change.patchSet) + ":\n\n" + input.Message,
		Tag: input.Tag, RevisionNumber: change.patchSet,
	})
	for label, value := range input.Labels {
		number, err := strconv.Atoi(value)
		if err != nil {
			return nil, err
		}
		change.vote(label, botID, number)
	}
	return gogerrit.ReviewResult{}, nil
}
