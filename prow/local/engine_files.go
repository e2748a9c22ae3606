package local

import (
	"fmt"
	"io"
	"os"
)

// layOut makes the files and folders that the pod's volumes show.
func layOut(files []File) error {
	for _, f := range files {
		if err := layOutOne(f); err != nil {
			return fmt.Errorf("make %s for the pod: %w", f.Path, err)
		}
	}
	return nil
}

func layOutOne(f File) error {
	if f.Mode.IsDir() {
		if err := os.MkdirAll(f.Path, 0o755); err != nil {
			return err
		}
		return os.Chmod(f.Path, f.Mode) // whatever the umask is
	}
	made, err := os.OpenFile(f.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.Mode.Perm())
	if err != nil {
		return err
	}
	defer made.Close()
	if f.From != "" {
		source, err := os.Open(f.From)
		if err != nil {
			return err
		}
		defer source.Close()
		if _, err := io.Copy(made, source); err != nil {
			return err
		}
	}
	if err := made.Chmod(f.Mode.Perm()); err != nil {
		return err
	}
	return made.Close()
}
