package node

import (
	"net"
	"testing"
)

func TestPublicCredentialsStayOnThisMachine(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.0.1": true, "127.8.9.1": true, "::1": true, "0.0.0.0": false, "::": false, "192.0.2.7": false} {
		if known := developmentKeys(&net.TCPAddr{IP: net.ParseIP(ip)}) != nil; known != want {
			t.Errorf("listening on %s, the development access keys are accepted: %v, want %v", ip, known, want)
		}
	}
}
