package contenthash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sumOf(files ...File) string {
	s := New("test 1")
	s.Files("files", files)
	return s.String()
}

func plain(path, content string) File {
	return File{Path: path, Kind: Regular, Digest: DigestOf([]byte(content))}
}

func TestSumCoversEachField(t *testing.T) {
	executable, symlink := plain("a", "x"), plain("a", "x")
	executable.Executable = true
	symlink.Kind = Symlink
	sets := map[string][]File{
		"nothing":        nil,
		"one file":       {plain("a", "x")},
		"other content":  {plain("a", "y")},
		"other path":     {plain("b", "x")},
		"executable":     {executable},
		"symlink":        {symlink},
		"two files":      {plain("a", "x"), plain("b", "x")},
		"swapped":        {plain("a", "x"), plain("b", "y")},
		"swapped back":   {plain("a", "y"), plain("b", "x")},
		"newline":        {plain("a\nb", "x")},
		"space":          {plain("a b", "x")},
		"quote":          {plain(`a"b`, "x")},
		"NUL":            {plain("a\x00b", "x")},
		"no UTF-8":       {plain("a\xff", "x")},
		"other no UTF-8": {plain("a\xfe", "x")},
	}
	seen := map[string]string{}
	for name, files := range sets {
		sum := sumOf(files...)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have one sum", name, other)
		}
		seen[sum] = name
	}
}

func TestSumFramesRecords(t *testing.T) {
	records := map[string]func(*Sum){
		"ab, c":         func(s *Sum) { s.Add("ab", "c") },
		"a, bc":         func(s *Sum) { s.Add("a", "bc") },
		"abc":           func(s *Sum) { s.Add("abc") },
		"ab; c":         func(s *Sum) { s.Add("ab"); s.Add("c") },
		"abc, nothing":  func(s *Sum) { s.Add("abc", "") },
		"NUL":           func(s *Sum) { s.Add("ab\x00c") },
		"as files":      func(s *Sum) { s.Files("abc", nil) },
		"nothing":       func(*Sum) {},
		"empty record":  func(s *Sum) { s.Add() },
		"files, record": func(s *Sum) { s.Files("f", []File{plain("a", "")}); s.Add("b") },
		"files, files":  func(s *Sum) { s.Files("f", []File{plain("a", "")}); s.Files("b", nil) },
	}
	seen := map[string]string{}
	for name, add := range records {
		s := New("test 1")
		add(s)
		if other, ok := seen[s.String()]; ok {
			t.Errorf("%q and %q have one sum", name, other)
		}
		seen[s.String()] = name
	}
	if New("test 1").String() == New("test 2").String() {
		t.Error("the format does not count")
	}
}

// A tag that is out there must stay what it is: whoever changes this sum changes
// every tag, and owes a new format.
func TestSumIsStable(t *testing.T) {
	s := New("test 1")
	s.Files("files", []File{plain("b", "x"), plain("a", "y")})
	s.Add("parent", "base", "0123")
	const want = "7867ee43d454e2ad85145bd0c425f01b8c6d04b5083093614b455a70f35ad21a"
	if got := s.String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Two sets have one sum if and only if they are equal. The universe is small, so
// that equal sets do come up.
func TestRandomSetsHaveOneSumIfEqual(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	bySet, bySum, same := map[string]string{}, map[string]string{}, 0
	for range 5000 {
		files := randomSet(random)
		set := describe(files)
		random.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
		sum := sumOf(files...)
		if have, ok := bySet[set]; ok {
			same++
			if have != sum {
				t.Fatalf("one set has two sums:\n%s", set)
			}
		}
		if have, ok := bySum[sum]; ok && have != set {
			t.Fatalf("two sets have one sum:\n%s\n%s", have, set)
		}
		bySet[set], bySum[sum] = sum, set
	}
	if same < 100 {
		t.Errorf("only %d of the sets came up twice; the test proves little", same)
	}
}

func randomSet(random *rand.Rand) []File {
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	var files []File
	for _, path := range []string{"a", "a b", "a\nb", "a\x00"} {
		if random.IntN(3) == 0 {
			f := plain(path, pick("", "a", "a\nb"))
			f.Kind = Kind(pick(string(Regular), string(Symlink)))
			f.Executable = f.Kind == Regular && random.IntN(2) == 0
			files = append(files, f)
		}
	}
	return files
}

func describe(files []File) string {
	var lines []string
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%q %s %v %x", f.Path, f.Kind, f.Executable, f.Digest))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.WriteFile(at("plain"), []byte("x"), 0o644), os.WriteFile(at("private"), []byte("x"), 0o600),
		os.WriteFile(at("executable"), []byte("x"), 0o755), os.WriteFile(at("group"), []byte("x"), 0o654),
		os.Symlink("x", at("link")), os.Symlink("nowhere", at("dangling")),
		os.Mkdir(at("folder"), 0o755), syscall.Mkfifo(at("pipe"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	regular := plain("", "x")
	executable := regular
	executable.Executable = true
	tests := map[string]*File{
		"plain": &regular, "private": &regular, "executable": &executable, "group": &regular,
		"link": {Kind: Symlink, Digest: DigestOf([]byte("x"))}, "dangling": {Kind: Symlink, Digest: DigestOf([]byte("nowhere"))},
		"folder": nil, "pipe": nil, "missing": nil, "plain/below": nil,
	}
	for name, want := range tests {
		got, ok, err := Read(at(name))
		if err != nil || ok != (want != nil) {
			t.Errorf("%s: got %v, %v", name, ok, err)
		}
		if want != nil {
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", name, diff)
			}
		}
	}
}
