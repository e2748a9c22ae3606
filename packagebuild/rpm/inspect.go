package rpm

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/sassoftware/go-rpmutils"
	"golang.org/x/sys/unix"

	"slipway.dev/slipway/packagebuild"
)

// Inspect opens a package and checks it as rpm would before installing: the
// digests of its header, its payload and each file.
func (f Format) Inspect(name string) (packagebuild.Package, error) {
	pkg, err := inspect(name)
	if err != nil {
		return packagebuild.Package{}, fmt.Errorf("inspect %s: %w", name, err)
	}
	return pkg, nil
}

func inspect(name string) (pkg packagebuild.Package, err error) {
	file, err := os.Open(name)
	if err != nil {
		return pkg, err
	}
	defer file.Close()
	// The reader trusts the header's counts and offsets, and the file came from
	// the code under build.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("malformed header: %v", r)
		}
	}()
	if err := checkSizes(file); err != nil {
		return pkg, err
	}
	// Of the two passes the first checks the digests, so that the second reads
	// nothing that was damaged.
	if _, _, err := rpmutils.Verify(file, nil); err != nil {
		return pkg, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return pkg, err
	}
	opened, err := rpmutils.ReadRpm(file)
	if err != nil {
		return pkg, err
	}
	return describe(name, opened)
}

func describe(name string, opened *rpmutils.Rpm) (packagebuild.Package, error) {
	h := header{opened.Header}
	pkg := packagebuild.Package{Path: name, Format: "rpm"}
	if err := h.requireDigests(); err != nil {
		return pkg, err
	}
	nevra, err := h.GetNEVRA()
	if err != nil {
		return pkg, err
	}
	pkg.Name, pkg.Arch = nevra.Name, nevra.Arch
	pkg.Version = nevra.Version + "-" + nevra.Release
	if h.HasTag(rpmutils.EPOCH) {
		pkg.Version = nevra.Epoch + ":" + pkg.Version
	}
	if !h.HasTag(rpmutils.SOURCERPM) {
		pkg.Source, pkg.Arch = true, "src"
	}
	pkg.Vcs = h.text(rpmutils.VCS)
	if pkg.Files, err = h.files(); err != nil {
		return pkg, err
	}
	return pkg, checkPayload(opened, pkg.Files)
}

// header adds to the reader's header what it lacks.
type header struct{ *rpmutils.RpmHeader }

// requireDigests refuses packages that only older digests guard.
func (h header) requireDigests() error {
	if !h.HasTag(rpmutils.SIG_SHA256) || !h.HasTag(rpmutils.PAYLOADDIGEST) {
		return errors.New("no SHA-256 digest of header and payload; build it with rpm 4.14 or later")
	}
	return nil
}

func (h header) text(tag int) string {
	values, err := h.GetStrings(tag)
	if err != nil || len(values) == 0 {
		return ""
	}
	return values[0]
}

// files lists what the header says of the package's files.
func (h header) files() ([]packagebuild.File, error) {
	if err := h.checkNames(); err != nil {
		return nil, err
	}
	infos, err := h.GetFiles()
	if err != nil {
		return nil, err
	}
	digests, err := h.GetUint32s(rpmutils.FILEDIGESTALGO)
	isSHA256 := err == nil && slices.Equal(digests, []uint32{rpmutils.HASH_SHA256})
	if !isSHA256 && len(infos) > 0 {
		return nil, errors.New("files are not guarded by SHA-256; build with %_binary_filedigest_algorithm 8")
	}
	var files []packagebuild.File
	for _, info := range infos {
		if info.Digest() != "" && info.Mode()&unix.S_IFMT != unix.S_IFREG {
			return nil, fmt.Errorf("%s has a digest, but is no regular file", info.Name())
		}
		files = append(files, packagebuild.File{
			Path: info.Name(), Size: info.Size(), Mode: uint32(info.Mode()), SHA256: info.Digest(), Link: info.Linkname(),
		})
	}
	return files, nil
}

// checkNames refuses names that lead elsewhere. The reader itself cleans paths,
// which would hide them.
func (h header) checkNames() error {
	if !h.HasTag(rpmutils.BASENAMES) {
		return nil
	}
	folders, err := h.GetStrings(rpmutils.DIRNAMES)
	if err != nil {
		return err
	}
	bases, err := h.GetStrings(rpmutils.BASENAMES)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		clean := folder == "" || folder == "/" || path.Clean(folder)+"/" == folder
		if !clean || strings.HasPrefix(folder, "../") {
			return fmt.Errorf("folder name %q leads elsewhere", folder)
		}
	}
	for _, base := range bases {
		if base == ".." || base == "." || strings.Contains(base, "/") {
			return fmt.Errorf("file name %q leads elsewhere", base)
		}
	}
	return nil
}

// checkPayload compares the payload's entries with the header's list. An entry
// that is not in the list, by exactly its name, is an error.
func checkPayload(opened *rpmutils.Rpm, files []packagebuild.File) error {
	left := int64(packagebuild.MaxUnpacked)
	want := map[string]packagebuild.File{}
	for _, f := range files {
		want[f.Path] = f
		if f.Size < 0 || f.Size > left {
			return fmt.Errorf("files are larger than %d bytes in all", packagebuild.MaxUnpacked)
		}
		left -= f.Size
	}
	payload, err := opened.PayloadReaderExtended()
	if err != nil {
		return err
	}
	for {
		info, err := payload.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("payload: %w", err)
		}
		f := want[info.Name()]
		if f.SHA256 == "" || payload.IsLink() {
			continue
		}
		if got, err := digest(payload, f.Size); err != nil || got != f.SHA256 {
			return errors.Join(err, fmt.Errorf("payload: %s has sha256 %s, the header says %s", f.Path, got, f.SHA256))
		}
	}
}

func digest(r io.Reader, size int64) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, io.LimitReader(r, size+1))
	return hex.EncodeToString(h.Sum(nil)), err
}

// checkSizes checks that both headers fit into the file, before memory is taken for them.
func checkSizes(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	at := int64(leadSize)
	for _, which := range []string{"signature", "header"} {
		size, err := headerSize(file, at)
		if err != nil {
			return fmt.Errorf("%s: %w", which, err)
		}
		if at += (size + 7) &^ 7; at > info.Size()+7 {
			return fmt.Errorf("%s: %d bytes end after the file's %d", which, size, info.Size())
		}
	}
	return nil
}

// The lead before the headers, and the beginning of each: magic, entries, bytes of data.
const (
	leadSize   = 96
	introSize  = 16
	entrySize  = 16
	headerSign = 0x8eade801
)

// headerSize is the length in bytes of the header that begins at an offset.
func headerSize(file io.ReaderAt, at int64) (int64, error) {
	var intro [introSize]byte
	if _, err := file.ReadAt(intro[:], at); err != nil {
		return 0, fmt.Errorf("read beginning at byte %d: %w", at, err)
	}
	if binary.BigEndian.Uint32(intro[:]) != headerSign {
		return 0, fmt.Errorf("no rpm header at byte %d", at)
	}
	entries, data := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	return introSize + entrySize*int64(entries) + int64(data), nil
}
