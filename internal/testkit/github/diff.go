package github

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// emptyTree is git's hash of a tree without entries: what a first commit differs from.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// changedFile is one file of a commit, comparison or pull request.
type changedFile struct {
	SHA              string `json:"sha"`
	Filename         string `json:"filename"`
	Status           string `json:"status"` // added, removed, modified, renamed
	Additions        int    `json:"additions"`
	Deletions        int    `json:"deletions"`
	Changes          int    `json:"changes"`
	Patch            string `json:"patch,omitempty"`
	PreviousFilename string `json:"previous_filename,omitempty"`
	BlobURL          string `json:"blob_url"`
	RawURL           string `json:"raw_url"`
	ContentsURL      string `json:"contents_url"`
}

var fileStatus = map[byte]string{'A': "added", 'D': "removed", 'M': "modified", 'T': "changed", 'R': "renamed"}

// diff lists what changed from before (empty is nothing) to after.
func (g *gitRepo) diff(ctx context.Context, before, after string) ([]changedFile, error) {
	if before == "" {
		before = emptyTree
	}
	out, err := g.git(ctx, "", "diff-tree", "-r", "-z", "-M", "--no-abbrev", "--raw", "--numstat", "--full-index", before, after)
	if err != nil {
		return nil, err
	}
	files, err := parseRaw(out)
	if err != nil {
		return nil, fmt.Errorf("read what changed from %s to %s: %w", before, after, err)
	}
	patch, err := g.git(ctx, "", "diff-tree", "-r", "-M", "--patch", "--full-index", before, after)
	if err != nil {
		return nil, err
	}
	for i, text := range splitPatches(patch) {
		if i < len(files) {
			files[i].Patch = text
		}
	}
	return files, nil
}

// parseRaw reads what git diff-tree -z --raw --numstat writes: first a record for each
// file (":modes hashes status", path, and for a rename the new path), then its counts.
func parseRaw(out string) ([]changedFile, error) {
	fields := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	var files []changedFile
	for len(fields) > 1 && strings.HasPrefix(fields[0], ":") {
		meta := strings.Fields(fields[0])
		if len(meta) != 5 {
			return nil, fmt.Errorf("record %q", fields[0])
		}
		file := changedFile{SHA: meta[3], Filename: fields[1], Status: fileStatus[meta[4][0]]}
		fields = fields[2:]
		if file.Status == "renamed" && len(fields) > 0 {
			file.PreviousFilename, file.Filename = file.Filename, fields[0]
			fields = fields[1:]
		}
		if file.Status == "removed" {
			file.SHA = meta[2]
		}
		files = append(files, file)
	}
	return files, readCounts(files, fields)
}

// readCounts reads "added TAB deleted TAB path"; a rename has an empty path, and its two
// paths in fields of their own.
func readCounts(files []changedFile, fields []string) error {
	for i := range files {
		if len(fields) == 0 {
			return fmt.Errorf("no counts of %s", files[i].Filename)
		}
		counts := strings.SplitN(fields[0], "\t", 3)
		if len(counts) != 3 {
			return fmt.Errorf("counts %q", fields[0])
		}
		files[i].Additions, _ = strconv.Atoi(counts[0]) // "-" in a binary file: 0, as on GitHub
		files[i].Deletions, _ = strconv.Atoi(counts[1])
		files[i].Changes = files[i].Additions + files[i].Deletions
		fields = fields[1:]
		if counts[2] == "" {
			fields = fields[min(2, len(fields)):]
		}
	}
	return nil
}

// splitPatches cuts a patch into the hunks of each file, without the headers.
func splitPatches(patch string) []string {
	var patches []string
	for i, part := range strings.Split("\n"+patch, "\ndiff --git ") {
		if i == 0 {
			continue
		}
		_, hunks, found := strings.Cut(part, "\n@@ ")
		if found {
			hunks = "@@ " + strings.TrimSuffix(hunks, "\n")
		}
		patches = append(patches, hunks)
	}
	return patches
}

// withURLs adds the addresses of the files at a commit.
func (c *call) withURLs(files []changedFile, commit string) []changedFile {
	for i := range files {
		name := files[i].Filename
		files[i].BlobURL = c.repo.page("/blob/%s/%s", commit, name)
		files[i].RawURL = c.repo.page("/raw/%s/%s", commit, name)
		files[i].ContentsURL = c.repoURL("/contents/%s?ref=%s", name, commit)
	}
	return files
}
