package version_test

import (
	"fmt"
	"time"

	"slipway.dev/slipway/internal/version"
)

func ExampleNext() {
	now := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	last, err := version.Parse("20261121.99")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(version.Next(now, nil), version.Next(now, []version.Version{last}))
	// Output: 20261121.00 20261121.100
}

func ExampleGoo() {
	v := version.Presubmit(42, "0123456789abcdef0123456789abcdef01234567")
	fmt.Println(v, version.Goo(v))
	// Output: 0~pr42.0123456789ab 0.0.42+0123456789ab
}
