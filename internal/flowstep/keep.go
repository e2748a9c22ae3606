package flowstep

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"syscall"

	"slipway.dev/slipway/internal/store"
)

// Keeping is what a stage leaves for later ones.
type Keeping struct {
	Wait
	Stage        string
	Folders      []string // outputs, each in a folder of its name
	Taken        string   // the folder that take filled; empty is that nothing was taken
	Job, BuildID string
}

// Keep waits for the stage's builds, and records what they made. A stage that took
// nothing and made what it made before leaves no new record.
func (f Flow) Keep(ctx context.Context, k Keeping) error {
	if err := k.All(ctx); err != nil {
		return err
	}
	r := Record{Job: k.Job, BuildID: k.BuildID, Outputs: map[string][]File{}}
	if k.Taken != "" {
		if skip, err := exists(filepath.Join(k.Taken, skipFile)); err != nil || skip {
			k.Say("there is nothing new to keep")
			return err
		}
		text, err := os.ReadFile(filepath.Join(k.Taken, fromFile))
		if err != nil {
			return fmt.Errorf("read what was taken: %w", err)
		}
		if err := json.Unmarshal(text, &r.From); err != nil {
			return fmt.Errorf("read what was taken: %w", err)
		}
	}
	for _, folder := range k.Folders {
		files, err := f.put(ctx, folder)
		if err != nil {
			return fmt.Errorf("keep %s: %w", folder, err)
		}
		r.Outputs[filepath.Base(folder)] = files
	}
	last, found, err := f.newest(ctx, k.Stage)
	if err != nil {
		return err
	}
	if found && reflect.DeepEqual(last.From, r.From) && reflect.DeepEqual(last.Outputs, r.Outputs) {
		k.Say("it is what run " + last.number + " left")
		return nil
	}
	number, err := f.add(ctx, k.Stage, r)
	if err == nil {
		k.Say(fmt.Sprintf("run %s of %s of %s is kept", number, k.Stage, f.Name))
	}
	return err
}

// put uploads what lies in a folder, in the order of its names.
func (f Flow) put(ctx context.Context, folder string) ([]File, error) {
	var files []File
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file, and only those go to the store", name)
		}
		relative, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		file := File{Path: filepath.ToSlash(relative), Executable: info.Mode()&0o111 != 0}
		file.Digest, file.Size, err = f.upload(ctx, name)
		files = append(files, file)
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no file", folder)
	}
	return files, err
}

func (f Flow) upload(ctx context.Context, name string) (digest string, size int64, err error) {
	body, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	return store.PutBlob(ctx, f.Store, body)
}
