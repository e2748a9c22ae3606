package flowstep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"slipway.dev/slipway/internal/store"
)

// Files that take leaves beside what it took.
const (
	skipFile = "skip"      // there is nothing to do
	fromFile = "from.json" // the records that were taken
)

// Want is an output of an earlier stage.
type Want struct{ Stage, Output string }

// Take brings the newest outputs that belong together into folder, for stage. Where
// one has not come yet, or stage is done with them, it says so by a file.
func (f Flow) Take(ctx context.Context, stage string, wants []Want, folder string, say func(string)) error {
	chosen, why, err := f.choose(ctx, stage, wants)
	if err != nil {
		return err
	}
	if why != "" {
		say("nothing to do: " + why)
		return os.WriteFile(filepath.Join(folder, skipFile), []byte(why+"\n"), 0o644)
	}
	for _, w := range wants {
		say(fmt.Sprintf("take %s as %s left it in run %s", w.Output, w.Stage, chosen[w.Stage].number))
		for _, file := range chosen[w.Stage].Outputs[w.Output] {
			if err := f.fetch(ctx, file, filepath.Join(folder, w.Output)); err != nil {
				return fmt.Errorf("take %s of %s: %w", w.Output, w.Stage, err)
			}
		}
	}
	from, err := json.Marshal(lineage(chosen))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, fromFile), from, 0o644)
}

// choose finds the newest record of each stage that all of them go with: where one
// came from another, it is that other that counts. why is set if there is nothing to do.
func (f Flow) choose(ctx context.Context, stage string, wants []Want) (chosen map[string]named, why string, err error) {
	chosen = map[string]named{}
	for _, w := range wants {
		if _, ok := chosen[w.Stage]; ok {
			continue
		}
		record, found, err := f.newest(ctx, w.Stage)
		if err != nil {
			return nil, "", err
		}
		if !found {
			return nil, w.Output + " of " + w.Stage + " has not come yet", nil
		}
		chosen[w.Stage] = record
	}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		for _, other := range slices.Sorted(maps.Keys(chosen[name].From)) {
			number := chosen[name].From[other]
			if have, wanted := chosen[other]; !wanted || have.number == number {
				continue
			}
			if chosen[other], err = f.read(ctx, other, number); err != nil {
				return nil, "", err
			}
		}
	}
	if why := mixed(chosen); why != "" {
		return nil, why, nil
	}
	for _, w := range wants {
		if len(chosen[w.Stage].Outputs[w.Output]) == 0 {
			return nil, w.Output + " of " + w.Stage + " has not come yet", nil
		}
	}
	done, err := f.done(ctx, stage, lineage(chosen))
	if err != nil || done == "" {
		return chosen, "", err
	}
	return nil, "run " + done + " did it already", nil
}

// mixed says which records do not go together.
func mixed(chosen map[string]named) string {
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		for stage, number := range chosen[name].from(name) {
			if other, ok := all[stage]; ok && other != number {
				return fmt.Sprintf("what there is comes from runs %s and %s of %s, and waits for what comes from one", other, number, stage)
			}
			all[stage] = number
		}
	}
	return ""
}

// lineage is all that the chosen records are and came from.
func lineage(chosen map[string]named) map[string]string {
	all := map[string]string{}
	for name, record := range chosen {
		maps.Copy(all, record.from(name))
	}
	return all
}

// remembered is how many runs are looked at to see what was done. What was done
// longer ago would be done again, which is a waste and no harm.
const remembered = 100

// done is the run of the stage that came from just these, or empty.
func (f Flow) done(ctx context.Context, stage string, from map[string]string) (string, error) {
	numbers, err := f.records(ctx, stage)
	if err != nil {
		return "", err
	}
	for _, number := range numbers[:min(len(numbers), remembered)] {
		record, err := f.read(ctx, stage, number)
		if err != nil {
			return "", err
		}
		if maps.Equal(record.From, from) {
			return number, nil
		}
	}
	return "", nil
}

// fetch writes one file of an output.
func (f Flow) fetch(ctx context.Context, file File, folder string) error {
	if !filepath.IsLocal(file.Path) {
		return fmt.Errorf("%q leads out of its folder: %w", file.Path, store.ErrCorrupt)
	}
	body, err := store.OpenBlob(ctx, f.Store, file.Digest)
	if err != nil {
		return err
	}
	defer body.Close()
	target := filepath.Join(folder, file.Path)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if file.Executable {
		mode = 0o755
	}
	made, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(made, body)
	return errors.Join(err, made.Close())
}
