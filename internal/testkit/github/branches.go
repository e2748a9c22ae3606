package github

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

func branchRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{"GET", repo + "/branches", reads, 200, listBranches},
		{"GET", repo + "/branches/{branch...}", reads, 200, getBranch},
		{"GET", repo + "/tags", reads, 200, listTags},
		{"GET", repo + "/contents/{path...}", reads, 200, getContents},
	}
}

type branchJSON struct {
	Name      string  `json:"name"`
	Commit    shaJSON `json:"commit"`
	Protected bool    `json:"protected"`
}

func (c *call) commitLink(sha string) shaJSON { return shaJSON{sha, c.repoURL("/commits/%s", sha)} }

func listBranches(c *call) (any, error) {
	wanted := c.query("protected") // empty is all: false leaves the protected ones out
	refs, err := c.repo.git.refs(c.ctx, "refs/heads/")
	if err != nil {
		return nil, err
	}
	list := []branchJSON{}
	for _, r := range refs {
		name := strings.TrimPrefix(r.Name, "refs/heads/")
		protected := c.repo.isProtected(name)
		if wanted == "" || wanted == strconv.FormatBool(protected) {
			list = append(list, branchJSON{Name: name, Commit: c.commitLink(r.SHA), Protected: protected})
		}
	}
	return page(c, list), nil
}

func getBranch(c *call) (any, error) {
	name := c.path("branch")
	r, ok, err := c.repo.git.ref(c.ctx, "refs/heads/"+name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &apiError{status: http.StatusNotFound, message: "Branch not found"}
	}
	commit, err := c.commitJSON(r.SHA)
	return struct {
		Name      string     `json:"name"`
		Commit    commitJSON `json:"commit"`
		Protected bool       `json:"protected"`
	}{name, commit, c.repo.isProtected(name)}, err
}

func listTags(c *call) (any, error) {
	refs, err := c.repo.git.refs(c.ctx, "refs/tags/")
	if err != nil {
		return nil, err
	}
	type tag struct {
		Name   string  `json:"name"`
		Commit shaJSON `json:"commit"`
		NodeID string  `json:"node_id"`
	}
	list := []tag{}
	for _, r := range page(c, refs) {
		commit, ok, err := c.repo.git.lookup(c.ctx, r.SHA+"^{commit}")
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, tag{strings.TrimPrefix(r.Name, "refs/tags/"), c.commitLink(commit.SHA), "REF_" + r.Name})
		}
	}
	return list, nil
}

type contentJSON struct {
	Type        string `json:"type"` // file, dir, symlink
	Name        string `json:"name"`
	Path        string `json:"path"`
	SHA         string `json:"sha"`
	Size        int    `json:"size"`
	Encoding    string `json:"encoding,omitempty"`
	Content     string `json:"content,omitempty"`
	URL         string `json:"url"`
	HTMLURL     string `json:"html_url"`
	DownloadURL string `json:"download_url"`
}

// getContents answers a file with its bytes, or a folder with its list.
func getContents(c *call) (any, error) {
	from := c.query("ref")
	if from == "" {
		from = c.repo.options.DefaultBranch
	}
	commit, err := c.repo.git.resolve(c.ctx, from)
	if err != nil {
		return nil, &apiError{status: http.StatusNotFound, message: "No commit found for the ref " + from}
	}
	name := strings.Trim(c.path("path"), "/")
	found, ok, err := c.repo.git.lookup(c.ctx, commit+":"+name)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, notFound()
	case found.Type == "tree":
		return c.folder(commit, name, found.SHA)
	}
	content, err := c.repo.git.git(c.ctx, "", "cat-file", "blob", found.SHA)
	if err != nil {
		return nil, err
	}
	if c.accepts("raw") {
		return text{"application/vnd.github.raw; charset=utf-8", content}, nil
	}
	file := c.contentJSON("file", commit, name, found.SHA, len(content))
	file.Encoding, file.Content = "base64", lines(base64.StdEncoding.EncodeToString([]byte(content)))
	return file, nil
}

func (c *call) folder(commit, name, tree string) (any, error) {
	out, err := c.repo.git.git(c.ctx, "", "ls-tree", "-z", "-l", tree)
	if err != nil {
		return nil, err
	}
	list := []contentJSON{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		meta, file, found := strings.Cut(entry, "\t")
		if !found {
			continue
		}
		var mode, kind, sha, size string
		if _, err := fmt.Sscan(meta, &mode, &kind, &sha, &size); err != nil {
			return nil, fmt.Errorf("read git's list of %s: %q: %w", name, entry, err)
		}
		bytes := 0
		_, _ = fmt.Sscan(size, &bytes) // "-" for a folder: 0, as on GitHub
		list = append(list, c.contentJSON(contentType(mode), commit, path.Join(name, file), sha, bytes))
	}
	return list, nil
}

func contentType(mode string) string {
	switch mode {
	case "040000":
		return "dir"
	case "120000":
		return "symlink"
	case "160000":
		return "submodule"
	}
	return "file"
}

func (c *call) contentJSON(kind, commit, name, sha string, size int) contentJSON {
	return contentJSON{
		Type: kind, Name: path.Base(name), Path: name, SHA: sha, Size: size,
		URL: c.repoURL("/contents/%s?ref=%s", name, commit), HTMLURL: c.repo.page("/blob/%s/%s", commit, name),
		DownloadURL: c.repo.page("/raw/%s/%s", commit, name),
	}
}

// lines breaks base64 as GitHub does, after 60 characters.
func lines(s string) string {
	var b strings.Builder
	for len(s) > 60 {
		b.WriteString(s[:60] + "\n")
		s = s[60:]
	}
	b.WriteString(s + "\n")
	return b.String()
}
