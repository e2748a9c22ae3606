package image

import "testing"

// BenchmarkTag names one image of this project that has a program, from nothing;
// BenchmarkList names all of them.
func BenchmarkTag(b *testing.B)  { benchmark(b, "packagebuild") }
func BenchmarkList(b *testing.B) { benchmark(b) }

func benchmark(b *testing.B, names ...string) {
	top, err := FindCheckout(".")
	if err != nil {
		b.Skip(err)
	}
	for b.Loop() {
		tree, err := Open(b.Context(), Config{Checkout: top})
		if err != nil {
			b.Fatal(err)
		}
		if len(names) == 0 {
			names = namesOf(tree.Images())
		}
		for _, name := range names {
			if _, err := tree.Tag(name); err != nil {
				b.Fatal(err)
			}
		}
	}
}
