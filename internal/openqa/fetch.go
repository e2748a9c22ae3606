package openqa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of what is downloaded of one job.
const (
	maxFile  = 256 << 20
	maxFiles = 2000
)

// Fetch downloads what a job left, its details, screenshots and logs, into a folder of
// its name below openqa/ in folder. What cannot be had is said and left out: a log that
// is missing makes no test fail.
func (c *Client) Fetch(ctx context.Context, r *Result, folder string) error {
	relative := filepath.Join("openqa", r.Name)
	into := filepath.Join(folder, relative)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return fmt.Errorf("make folder for job %s: %w", r.Name, err)
	}
	details, err := c.details(ctx, r.ID)
	if err != nil {
		return err
	}
	r.details = details
	var pretty bytes.Buffer
	if json.Indent(&pretty, details.Raw, "", "  ") != nil {
		pretty.Reset()
		pretty.Write(details.Raw)
	}
	if err := os.WriteFile(filepath.Join(into, "job.json"), pretty.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write what openQA says of job %s: %w", r.Name, err)
	}
	r.Files = append(r.Files, filepath.Join(relative, "job.json"))
	for n, name := range details.files() {
		if n == maxFiles {
			c.say(fmt.Sprintf("%s: it has more than %d files; the rest is at %s", r.Name, maxFiles, r.Link))
			break
		}
		err := c.fetchFile(ctx, r.ID, name, filepath.Join(into, name))
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case away(err):
			return err // each of the others would be waited for as long
		case err != nil:
			c.say(fmt.Sprintf("%s: %v; it is left out", r.Name, err))
		default:
			r.Files = append(r.Files, filepath.Join(relative, name))
		}
	}
	return nil
}

// fetchFile downloads one file, or leaves nothing.
func (c *Client) fetchFile(ctx context.Context, id int64, name, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = c.download(ctx, "download "+name, fmt.Sprintf("/tests/%d/file/%s", id, name), maxFile, func() (io.Writer, error) {
		_, err := f.Seek(0, io.SeekStart)
		return f, errors.Join(err, f.Truncate(0))
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// files are the names of a job's files, each once, in order. A name that is more than a
// name, or has what an address would need to escape, is nobody's file.
func (d Details) files() []string {
	var names []string
	seen := map[string]bool{"job.json": true}
	add := func(name string) {
		plain := !strings.HasPrefix(name, ".") && len(name) < 200 && strings.IndexFunc(name, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@,=", r)
		}) < 0
		if name != "" && plain && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, name := range d.Logs {
		add(name)
	}
	for _, m := range d.Modules {
		for _, step := range m.Steps {
			add(step.screenshot())
			if step.TextData == "" { // else it is in the details, and openQA removes the file
				add(step.Text)
			}
		}
	}
	return names
}

// screenshot is the file's name, if there is one.
func (s Step) screenshot() string {
	name, _ := s.Screenshot.(string)
	return name
}
