package openqacmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/disk"
	"slipway.dev/slipway/internal/disk/publish"
	"slipway.dev/slipway/internal/evidence"
	"slipway.dev/slipway/internal/openqa"
)

// openDisk says what the disk is, by its bytes or by what was said of it. remove removes
// what was pulled.
func (f *runFlags) openDisk(ctx context.Context, env cli.Env) (_ openqa.Disk, remove func(), err error) {
	say := func(message string) { env.Log().Info(message) }
	remove = func() {}
	if publish.IsReference(f.disk) {
		if f.disk, remove, err = (publish.Puller{Say: say}).Bring(ctx, f.disk, disk.QCOW2); err != nil {
			return openqa.Disk{}, nil, err
		}
	}
	opened, err := f.readDisk(ctx, say)
	if err != nil {
		remove()
		return openqa.Disk{}, nil, err
	}
	opened.URL = f.address(opened)
	return opened, remove, nil
}

// address is where openQA fetches the disk, if it does.
func (f *runFlags) address(d openqa.Disk) string {
	return strings.ReplaceAll(f.asset, hexOfDisk, strings.TrimPrefix(d.Digest, "sha256:"))
}

// checkAsset refuses what openQA could not fetch. The address is not told: it may hold a
// password.
func (f *runFlags) checkAsset() error {
	if f.asset == "" {
		return nil
	}
	u, err := url.Parse(f.asset)
	switch {
	case err != nil || u.Host == "" || u.Path == "" || u.Scheme != "http" && u.Scheme != "https":
		return cli.Misuse("--asset is no address that openQA can fetch from; write https://HOST/PATH")
	case u.User != nil:
		return cli.Misuse("--asset holds a password, and openQA shows everybody a job's settings; have openQA fetch what needs none")
	}
	return nil
}

// hexOfDisk stands in --asset for the disk's digest.
const hexOfDisk = "{hex}"

func (f *runFlags) readDisk(ctx context.Context, say func(string)) (openqa.Disk, error) {
	opened := openqa.Disk{Digest: f.digest, Format: "qcow2"}
	path, _, _ := strings.Cut(f.asset, "?")
	if ext := strings.ToLower(filepath.Ext(cmp.Or(f.disk, path))); ext == ".raw" || ext == ".img" {
		opened.Format = "raw"
	}
	if f.disk == "" {
		return opened, nil
	}
	digest, err := openqa.DigestFile(ctx, f.disk, say)
	if err != nil {
		return opened, err
	}
	if f.digest != "" && f.digest != digest {
		return opened, fmt.Errorf("read disk: %s is %s, and not --digest %s; name the disk that was boot-tested", f.disk, digest, f.digest)
	}
	opened.Digest = digest
	return opened, f.readRecord(digest)
}

// readRecord finds what the disk was made of, if its record lies beside it.
func (f *runFlags) readRecord(digest string) error {
	record, file, err := disk.Read(f.disk)
	switch {
	case errors.Is(err, disk.ErrNoRecord):
		return nil
	case err != nil:
		return err
	case file.Digest != digest:
		return fmt.Errorf("read disk: %s is %s, and its record says %s; build it again, or remove the record", f.disk, digest, file.Digest)
	}
	f.madeOf = []evidence.Subject{{Name: "image", Digest: record.Image.Digest}}
	return nil
}
