package config

import (
	"testing"

	"slipway.dev/slipway/internal/channel"
	"slipway.dev/slipway/internal/promotion/proof"
)

// channels.yaml must load, with every key that it names.
func TestChannelsLoad(t *testing.T) {
	c, err := channel.Load("channels.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.All()) < 3 {
		t.Errorf("only the channels %v", c.All())
	}
	if _, err := proof.New(nil, c.Signers, nil); err != nil {
		t.Error(err)
	}
}
