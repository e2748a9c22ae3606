package packagebuild

import (
	"archive/tar"
	"io"
	"strings"
	"testing"
)

func TestBounded(t *testing.T) {
	for limit, fails := range map[int64]bool{4: true, 5: false, 6: false} {
		got, err := io.ReadAll(Bounded(strings.NewReader("hello"), limit))
		if (err != nil) != fails || !fails && string(got) != "hello" {
			t.Errorf("limit %d: got %q, %v", limit, got, err)
		}
	}
}

func TestIsSparse(t *testing.T) {
	tests := map[string]struct {
		header tar.Header
		want   bool
	}{
		"plain":     {tar.Header{Typeflag: tar.TypeReg}, false},
		"long name": {tar.Header{Typeflag: tar.TypeReg, PAXRecords: map[string]string{"path": "x"}}, false},
		"GNU":       {tar.Header{Typeflag: tar.TypeGNUSparse}, true},
		"PAX":       {tar.Header{Typeflag: tar.TypeReg, PAXRecords: map[string]string{"GNU.sparse.major": "1"}}, true},
	}
	for name, tt := range tests {
		if got := IsSparse(&tt.header); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
