package sparse

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestWrite(t *testing.T) {
	zeroes := make([]byte, 4<<20)
	tests := map[string][]byte{
		"nothing": nil, "zeroes": zeroes, "one byte": {1}, "zeroes at the end": append([]byte("begin"), zeroes...),
		"zeroes at the start": append(append([]byte{}, zeroes...), "end"...),
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "file"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, data := range [][]byte{bytes.Repeat([]byte("older"), 1<<20), want} { // the second time over the first
				if err := Write(f, bytes.NewReader(data)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
			}
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if took := info.Sys().(*syscall.Stat_t).Blocks * 512; took > 2*block {
				t.Errorf("it takes %d bytes", took)
			}
		})
	}
}

func TestWriteFails(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	broken := errors.New("broken")
	if err := Write(f, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
