// Package promotecmd makes the commands of promotion: slipway evidence, promotion,
// channel and retention.
//
// They are a package of their own because they speak to registries and read
// signatures, which the commands that build packages and releases need not link.
package promotecmd

import (
	"context"

	"github.com/spf13/pflag"

	"slipway.dev/slipway/internal/cli"
	"slipway.dev/slipway/internal/store"
	"slipway.dev/slipway/internal/store/storeurl"
)

// storeFlag names the store that evidence, approvals and ledgers are kept in.
type storeFlag struct{ url string }

func (f *storeFlag) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "store", "", "where evidence and ledgers are kept: "+storeurl.Forms)
}

func (f storeFlag) check() error {
	if f.url == "" {
		return cli.Misuse("--store is missing; name %s", storeurl.Forms)
	}
	return nil
}

func (f storeFlag) open(ctx context.Context) (store.Store, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	return storeurl.Open(ctx, f.url)
}
