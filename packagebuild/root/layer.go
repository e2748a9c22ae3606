package root

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/filelock"
)

// recipe is how to make a layer.
type recipe struct {
	name  string // file name of the layer, which says what goes in; without dots
	title string // for people
	fixed bool   // what it is made from never changes
	// make fills the folder tree, and returns the packages of the whole root.
	make func(ctx context.Context, tree string, log io.Writer) ([]LockedPackage, error)
}

// layer is a folder layers/NAME.ID of the cache. ID is the lock's checksum, so
// that a layer made anew from an unchanged archive is the same one.
//
//	root/      the tree
//	lock.json  what is installed; read-locked while in use, its time that of the last use
//
// The folder's own time is when it was last found up to date.
type layer struct {
	dir      string
	made     time.Time
	packages []LockedPackage
}

const (
	treeFolder = "root"
	lockFile   = "lock.json"
)

func (l layer) tree() string { return filepath.Join(l.dir, treeFolder) }

// id names the layer's very content, for the names of layers on top of it.
func (l layer) id() string { return filepath.Base(l.dir) }

// layer returns the recipe's layer from the cache, and makes it if there is none
// that is fresh. A stale one still serves when no new one can be made.
func (m *Manager) layer(ctx context.Context, r recipe) (layer, error) {
	found, err := m.find(r)
	if err != nil || m.fresh(r, found) {
		return found, err
	}
	unlock, err := m.lockName(ctx, r)
	if err != nil {
		return layer{}, err
	}
	defer unlock()
	if found, err = m.find(r); err != nil || m.fresh(r, found) { // another one made it meanwhile
		return found, err
	}
	made, err := m.makeLayer(ctx, r)
	if err != nil && found.dir != "" && ctx.Err() == nil {
		m.log().WithError(err).Warnf("%s: going on with the one of %s", r.title, found.made.Format(time.DateOnly))
		return found, nil
	}
	return made, err
}

func (m *Manager) fresh(r recipe, l layer) bool {
	return l.dir != "" && (r.fixed || time.Since(l.made) < orDefault(m.MaxAge, defaultMaxAge))
}

// find returns the newest layer of that name, held, or none.
func (m *Manager) find(r recipe) (layer, error) {
	// One whose lock is gone is no layer: somebody was interrupted while removing it.
	locks, err := filepath.Glob(filepath.Join(m.folder(layersFolder), r.name+".*", lockFile))
	if err != nil {
		return layer{}, err
	}
	var newest layer
	for _, lock := range locks {
		dir := filepath.Dir(lock)
		if info, err := os.Stat(dir); err == nil && info.ModTime().After(newest.made) {
			newest = layer{dir: dir, made: info.ModTime()}
		}
	}
	if newest.dir == "" {
		return layer{}, nil
	}
	newest.packages, err = m.hold(newest.dir)
	if errors.Is(err, fs.ErrNotExist) { // pruned meanwhile
		return m.find(r)
	}
	return newest, err
}

// hold reads a layer's lock, and keeps the layer from being pruned until Close.
func (m *Manager) hold(dir string) ([]LockedPackage, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open layer: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); err != nil {
		f.Close()
		return nil, fmt.Errorf("hold layer %s: %w", dir, err)
	}
	var packages []LockedPackage
	if err := json.NewDecoder(f).Decode(&packages); err != nil {
		f.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	m.keep(dir, f)
	now := time.Now()
	return packages, os.Chtimes(path, now, now) // fails if pruned before it was held
}

func (m *Manager) keep(dir string, f *os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil {
		m.held = map[string]*os.File{}
	}
	if old := m.held[dir]; old != nil {
		old.Close()
	}
	m.held[dir] = f
}

// makeLayer makes the layer aside and moves it into place. The caller holds the
// lock of its name: whatever else lies aside was left by somebody who was killed.
func (m *Manager) makeLayer(ctx context.Context, r recipe) (layer, error) {
	start := time.Now()
	wait := orDefault(m.Wait, defaultWait)
	ctx, cancel := context.WithTimeoutCause(ctx, wait, fmt.Errorf("%s was not made within %v", r.title, wait))
	defer cancel()
	aside := filepath.Join(m.folder(makingFolder), r.name)
	if err := os.RemoveAll(aside); err != nil {
		return layer{}, fmt.Errorf("make %s: clear what was left: %w", r.title, err)
	}
	defer os.RemoveAll(aside)
	tree := filepath.Join(aside, treeFolder)
	if err := os.MkdirAll(tree, 0o755); err != nil {
		return layer{}, fmt.Errorf("make %s: %w", r.title, err)
	}
	m.log().Infof("making %s; this is done once", r.title)
	id, err := m.fill(ctx, r, aside)
	if err != nil {
		return layer{}, fmt.Errorf("make %s: %w", r.title, err)
	}
	if err := m.place(aside, m.layerFolder(r, id)); err != nil {
		return layer{}, fmt.Errorf("make %s: %w", r.title, err)
	}
	m.log().Infof("made %s in %v", r.title, time.Since(start).Round(100*time.Millisecond))
	made, err := m.find(r)
	if err == nil && made.dir == "" {
		err = fmt.Errorf("make %s: somebody removed it at once; try again", r.title)
	}
	if _, pruneErr := m.Prune(orDefault(m.Keep, defaultKeep)); pruneErr != nil {
		m.log().WithError(pruneErr).Warn("old clean roots stay")
	}
	return made, err
}

func (m *Manager) layerFolder(r recipe, id string) string {
	return filepath.Join(m.folder(layersFolder), r.name+"."+id)
}

// fill makes the tree and its lock aside, and returns the lock's short checksum.
func (m *Manager) fill(ctx context.Context, r recipe, aside string) (string, error) {
	logPath := m.logPath(r.name)
	log, err := os.Create(logPath)
	if err != nil {
		return "", err
	}
	defer log.Close()
	packages, err := r.make(ctx, filepath.Join(aside, treeFolder), log)
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(packages, "", "\t")
	if err != nil {
		return "", err
	}
	return short(string(data)), os.WriteFile(filepath.Join(aside, lockFile), data, 0o644)
}

func (m *Manager) logPath(name string) string {
	return filepath.Join(m.folder(logsFolder), name+".log")
}

// place moves a whole layer to where it is found. What is on disk before its name
// is survives a crash of the machine, too.
func (m *Manager) place(aside, dir string) error {
	if err := syncFileSystem(aside); err != nil {
		return err
	}
	err := os.Rename(aside, dir)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, unix.ENOTEMPTY) {
		err = nil // the same packages as before
	}
	if err != nil {
		return err
	}
	now := time.Now()
	return os.Chtimes(dir, now, now)
}

func syncFileSystem(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return fmt.Errorf("write %s to disk: %w", path, err)
	}
	return nil
}

// lockName waits until this process alone may make what the recipe names.
func (m *Manager) lockName(ctx context.Context, r recipe) (unlock func(), err error) {
	w := filelock.Waiter{For: r.title, Limit: orDefault(m.Wait, defaultWait), Say: func(message string) { m.log().Info(message) }}
	return w.Lock(ctx, filepath.Join(m.folder(locksFolder), r.name))
}

// short is a checksum for names.
func short(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:6])
}
