package podman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"slipway.dev/slipway/internal/exec"
)

// Clean removes what a build that ended early left: the processes of its RUN, its
// working containers, the images of its stages, and its temporary files. podman
// build leaves all of them when it is killed or interrupted.
func (p *Podman) Clean(ctx context.Context, scratch string) error {
	endRuns(ctx, filepath.Join(scratch, buildTemporary))
	return errors.Join(
		p.removeContainers(ctx, scratch),
		p.removeStages(ctx, scratch),
		removeTemporary(filepath.Join(scratch, buildTemporary)),
	)
}

// endRuns kills what RUN instructions still run. Each has a bundle in the build's
// temporary folder, by which buildah names the container to the OCI runtime.
func endRuns(ctx context.Context, temporary string) {
	bundles, err := filepath.Glob(filepath.Join(temporary, "buildah*"))
	if err != nil {
		return
	}
	for _, bundle := range bundles {
		for _, runtime := range []string{"runc", "crun"} { // whichever ran it; the other knows no such container
			_, _ = exec.Output(ctx, exec.Cmd{Args: []string{runtime, "delete", "--force", "buildah-" + filepath.Base(bundle)}})
		}
	}
}

// removeContainers removes the working containers that bear the build's mark.
func (p *Podman) removeContainers(ctx context.Context, scratch string) error {
	index, err := p.imageIndex(ctx)
	if err != nil {
		return err
	}
	containers := strings.Replace(filepath.Dir(index), "-images", "-containers", 1)
	records, err := filepath.Glob(filepath.Join(containers, "*", "userdata", "buildah.json"))
	if err != nil {
		return err
	}
	var errs []error
	for _, record := range records {
		data, err := os.ReadFile(record)
		if err != nil || !bytes.Contains(data, []byte(`"id=`+buildMark(scratch)+`,`)) {
			continue
		}
		id := filepath.Base(filepath.Dir(filepath.Dir(record)))
		if _, err := p.Output(ctx, "rm", "--force", "--storage", id); err != nil {
			errs = append(errs, fmt.Errorf("remove a working container: %w", err))
		}
	}
	return errors.Join(errs...)
}

// stageID is how podman build tells that it made an image.
var stageID = regexp.MustCompile(`(?m)^--> ([0-9a-f]{11,64})$`)

// removeStages removes the images that the build made and that have no name. One
// that another build uses stays: that one removes it.
func (p *Podman) removeStages(ctx context.Context, scratch string) error {
	log, err := os.ReadFile(filepath.Join(scratch, BuildLog))
	if err != nil {
		return nil // killed before it said anything
	}
	images, err := p.Images(ctx)
	if err != nil {
		return err
	}
	for _, made := range slices.Backward(stageID.FindAllStringSubmatch(string(log), -1)) {
		for _, image := range images {
			if len(image.Names) == 0 && strings.HasPrefix(image.ID, made[1]) {
				_ = p.Remove(ctx, image.ID)
			}
		}
	}
	return nil
}

// removeTemporary removes the build's temporary folder, but follows no mount into
// what is not the build's.
func removeTemporary(folder string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		mounts, err := mountsBelow(folder)
		if err != nil {
			return err
		}
		if len(mounts) == 0 {
			return os.RemoveAll(folder)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s stays, since something is mounted in it: %s", folder, strings.Join(mounts, ", "))
		}
		for _, mount := range slices.Backward(mounts) {
			_ = unix.Unmount(mount, unix.MNT_DETACH)
		}
	}
}

func mountsBelow(folder string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var mounts []string
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
			mounts = append(mounts, fields[4])
		}
	}
	return mounts, nil
}
