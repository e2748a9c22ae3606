package netns

import (
	"net"
	"testing"
)

// Inside, only loopback is there, under the names that were asked for.
func TestAlone(t *testing.T) {
	if !Alone(t, "somewhere") {
		return
	}
	all, err := net.Interfaces()
	if err != nil || len(all) != 1 || all[0].Flags&net.FlagUp == 0 {
		t.Errorf("interfaces %v, %v; want loopback alone, and up", all, err)
	}
	if found, err := net.LookupHost("somewhere"); err != nil || len(found) != 1 || found[0] != "127.0.0.1" {
		t.Errorf("somewhere is %v, %v", found, err)
	}
}
