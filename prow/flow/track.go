package flow

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Tracks are the lines of releases of a project: a branch for each track that was
// cut, and the main branch for the one after them. So to cut a branch is one line,
// and the next track, and everybody's name, follow from it.
type Tracks struct {
	Main  string         `json:"main"`  // the branch of the track after the newest that was cut
	Cut   map[int]string `json:"cut"`   // branches by number
	Names []string       `json:"names"` // from the newest track on; one that is older has none, until its line goes
}

// Track is one line of releases.
type Track struct {
	Number int    `json:"number"`
	Branch string `json:"branch"`
	Name   string `json:"name,omitempty"` // stable, beta, dev, canary
}

// All are the tracks, from the oldest to the one on the main branch.
func (t *Tracks) All() []Track {
	if t == nil {
		return nil
	}
	var all []Track
	for _, number := range slices.Sorted(maps.Keys(t.Cut)) {
		all = append(all, Track{Number: number, Branch: t.Cut[number]})
	}
	if len(all) > 0 {
		all = append(all, Track{Number: all[len(all)-1].Number + 1, Branch: t.Main})
	}
	for i := range min(len(all), len(t.Names)) {
		all[len(all)-1-i].Name = t.Names[i]
	}
	return all
}

// check names what is wrong.
func (t *Tracks) check() error {
	if t == nil {
		return nil
	}
	var wrong []error
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf("tracks: "+format, args...)) }
	if t.Main == "" {
		add("main is missing; name the branch of the newest track")
	}
	if len(t.Cut) == 0 {
		add("cut is empty; the number of the newest track follows from those that were cut before it")
	}
	branches := map[string]int{t.Main: 0}
	for _, number := range slices.Sorted(maps.Keys(t.Cut)) {
		branch := t.Cut[number]
		other, twice := branches[branch]
		switch {
		case number < 1:
			add("%d is no number of a track; they count from 1", number)
		case branch == "":
			add("track %d has no branch", number)
		case branch == t.Main:
			add("track %d is on %s, which is the branch of the track after the newest", number, branch)
		case twice:
			add("tracks %d and %d are both on branch %s", other, number, branch)
		}
		branches[branch] = number
	}
	for i, name := range t.Names {
		if !plainName.MatchString(name) || slices.Index(t.Names, name) != i {
			add("name %q is not a word of its own", name)
		}
	}
	return errors.Join(wrong...)
}
