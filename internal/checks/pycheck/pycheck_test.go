package pycheck

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slipway.dev/slipway/internal/checks"
	"slipway.dev/slipway/internal/junit"
	"slipway.dev/slipway/internal/testkit/need"
)

func TestIsPython(t *testing.T) {
	root := t.TempDir()
	for _, test := range []struct {
		name, text string
		want       bool
	}{
		{"a.py", "", true},
		{"a.sh", "#!/usr/bin/python3\n", false},
		{"plain", "#!/usr/bin/python3\n", true},
		{"env", "#!/usr/bin/env python3\n", true},
		{"spaced", "#! /usr/bin/env -S python3 -u\n", true},
		{"minor", "#!/usr/bin/python3.11 -I\n", true},
		{"two", "#!/usr/bin/python\n", false},
		{"shell", "#!/bin/sh\n# python3 \n", false},
		{"other", "#!/opt/notpython3\n", false},
		{"empty", "", false},
		{"binary", "\x7fELF\x00", false},
	} {
		if err := os.WriteFile(filepath.Join(root, test.name), []byte(test.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := isPython(root, test.name); got != test.want {
			t.Errorf("isPython(%s, %q) = %v", test.name, test.text, got)
		}
	}
}

// open makes a checkout of an archive.
func open(t *testing.T, archive string) Checkout {
	t.Helper()
	need.Tool(t, "python3", "python3")
	root := t.TempDir()
	if err := txtar.Write(txtar.Parse([]byte(archive)), root); err != nil {
		t.Fatal(err)
	}
	c, err := Open(t.Context(), checks.Job{Root: root, Stdout: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// endings are tests that end in every way.
const endings = `
-- test_it.py --
import unittest
import helper


class It(unittest.TestCase):
    def test_good(self):
        print("noise on standard output")

    def test_bad(self):
        self.assertEqual(1, 2)

    def test_error(self):
        helper.missing()

    @unittest.skip("no kvm")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_surprise(self):
        pass

    def test_subs(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertEqual(i, 0)
-- helper.py --
-- broken_test.py --
import nowhere
`

// pytest may be missing; the tests are run all the same.
func TestUnittest(t *testing.T) {
	t.Setenv("PYTHONDONTWRITEBYTECODE", "")
	c := open(t, endings)
	suites, err := c.unittest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, c := range suites[0].Cases {
		got[c.Class+" "+c.Name] = verdictOf(c)
	}
	want := map[string]string{
		"test_it.It test_good":                    "passed",
		"test_it.It test_bad":                     "failed: AssertionError: 1 != 2",
		"test_it.It test_error":                   "failed: AttributeError: module 'helper' has no attribute 'missing'",
		"test_it.It test_skipped":                 "skipped: no kvm",
		"test_it.It test_surprise":                "failed: the test was expected to fail, and passed",
		"test_it.It test_subs (i=1)":              "failed: AssertionError: 1 != 0",
		"unittest.loader._FailedTest broken_test": "failed: ModuleNotFoundError: No module named 'nowhere'",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unittest (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(c.Job.Root, "__pycache__")); err == nil {
		t.Error("byte code was written into the checkout")
	}
}

func verdictOf(c junit.Case) string {
	switch {
	case c.Failure != nil:
		return "failed: " + c.Failure.Line
	case c.Skipped != nil:
		return "skipped: " + c.Skipped.Line
	}
	return "passed"
}

// A run that ends before its tests do is an error, even if none had failed by then.
func TestUnittestThatDies(t *testing.T) {
	c := open(t, "-- test_it.py --\nimport os\nimport unittest\n\n\nclass It(unittest.TestCase):\n    def test_a(self):\n        pass\n\n    def test_b(self):\n        os._exit(0)\n")
	suites, err := c.unittest(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ended before its tests did") {
		t.Errorf("unittest: %v, %v", suites, err)
	}
}

func TestCompile(t *testing.T) {
	c := open(t, "-- good.py --\nprint(f'{1}')\n-- bad.py --\nx = 1\nprint 'two'\n-- nul.py --\nx = '\x00'\n")
	suites, err := c.compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failed := map[string]bool{}
	for _, r := range suites[0].Cases {
		failed[r.Name] = r.Failure != nil
		if r.Name == "bad.py" && !strings.HasPrefix(r.Failure.Line, "bad.py:2:") {
			t.Errorf("bad.py: %s", r.Failure.Line)
		}
	}
	if diff := cmp.Diff(map[string]bool{"good.py": false, "bad.py": true, "nul.py": true}, failed); diff != "" {
		t.Errorf("compile (-want +got):\n%s", diff)
	}
}
