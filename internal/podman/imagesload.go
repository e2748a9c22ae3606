package podman

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"slipway.dev/slipway/internal/exec"
)

// Load takes the image of an OCI layout into the storage, under the name that the
// layout's index gives it in the annotation org.opencontainers.image.ref.name.
// podman heeds that only in an archive; what it unpacks goes beside the folder.
func (p *Podman) Load(ctx context.Context, folder string) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := archive(w, folder)
		w.CloseWithError(err)
		written <- err
	}()
	command := p.command(nil, []string{"load", "--quiet"})
	command.Stdin, command.Stdout, command.Stderr = r, io.Discard, nil
	command.Env = append(command.Env, "TMPDIR="+filepath.Dir(folder))
	err := exec.Run(ctx, command)
	_ = r.Close()
	if err := errors.Join(err, skipClosed(<-written)); err != nil {
		return explainFull(fmt.Errorf("load an image into podman: %w", err), p.root())
	}
	return nil
}

// skipClosed drops the error of an archive that podman did not read to its end,
// which it said itself.
func skipClosed(err error) error {
	if errors.Is(err, io.ErrClosedPipe) {
		return nil
	}
	return err
}

// archive writes what is in a folder.
func archive(w io.Writer, folder string) error {
	out := tar.NewWriter(w)
	if err := out.AddFS(os.DirFS(folder)); err != nil {
		return err
	}
	return out.Close()
}
