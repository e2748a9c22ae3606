package flowstep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"slipway.dev/slipway/internal/store"
)

// Record is what one run of a stage left. It is created once, under the stage's next
// number, with all outputs: so nobody sees the outputs of two runs mixed.
type Record struct {
	Job     string            `json:"job,omitempty"`
	BuildID string            `json:"build_id,omitempty"`
	From    map[string]string `json:"from,omitempty"` // records that this came from, by stage: all the way back
	Outputs map[string][]File `json:"outputs,omitempty"`
}

// File is a file of an output; its bytes are a blob of the store.
type File struct {
	Path       string `json:"path"`
	Digest     string `json:"digest"`
	Size       int64  `json:"size"`
	Executable bool   `json:"executable,omitempty"`
}

// Flow is a flow's records in a store.
type Flow struct {
	Store store.Store
	Name  string // crostini-guest/74
}

// named is a record under its number.
type named struct {
	number string
	Record
}

// folder is where the records of a stage lie.
func (f Flow) folder(stage string) string { return path.Join("flows", f.Name, stage) + "/" }

// records are those of a stage, the newest first.
func (f Flow) records(ctx context.Context, stage string) ([]string, error) {
	var numbers []string
	for key, err := range f.Store.List(ctx, f.folder(stage)) {
		if err != nil {
			return nil, fmt.Errorf("list what %s of %s left: %w", stage, f.Name, err)
		}
		numbers = append(numbers, strings.TrimSuffix(path.Base(key), ".json"))
	}
	slices.Reverse(numbers)
	return numbers, nil
}

// read reads one record.
func (f Flow) read(ctx context.Context, stage, number string) (named, error) {
	key := f.folder(stage) + number + ".json"
	body, err := f.Store.Open(ctx, key)
	if err != nil {
		return named{}, fmt.Errorf("read %s: %w", key, err)
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 64<<20))
	if err != nil {
		return named{}, fmt.Errorf("read %s: %w", key, err)
	}
	found := named{number: number}
	if err := json.Unmarshal(text, &found.Record); err != nil {
		return named{}, fmt.Errorf("read %s: %w", key, err)
	}
	return found, nil
}

// newest is the last record of a stage, if it has one.
func (f Flow) newest(ctx context.Context, stage string) (named, bool, error) {
	numbers, err := f.records(ctx, stage)
	if err != nil || len(numbers) == 0 {
		return named{}, false, err
	}
	found, err := f.read(ctx, stage, numbers[0])
	return found, err == nil, err
}

// from is what follows from a record: what it came from, and itself.
func (n named) from(stage string) map[string]string {
	all := maps.Clone(n.From)
	if all == nil {
		all = map[string]string{}
	}
	all[stage] = n.number
	return all
}

// add creates the stage's next record. One that was faster has the number, and then
// the next one is tried: a stage runs once at a time, so that is rare.
func (f Flow) add(ctx context.Context, stage string, r Record) (number string, err error) {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	for range 100 {
		numbers, err := f.records(ctx, stage)
		if err != nil {
			return "", err
		}
		next := 1
		if len(numbers) > 0 {
			if _, err := fmt.Sscanf(numbers[0], "%d", &next); err != nil {
				return "", fmt.Errorf("record %s%s.json has no number: %w", f.folder(stage), numbers[0], err)
			}
			next++
		}
		number = fmt.Sprintf("%08d", next)
		err = f.Store.Create(ctx, f.folder(stage)+number+".json", bytes.NewReader(text))
		if !errors.Is(err, store.ErrConflict) {
			return number, err
		}
	}
	return "", fmt.Errorf("record what %s of %s left: a hundred others were faster; run it again", stage, f.Name)
}
