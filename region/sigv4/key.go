package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// maxKeys bounds the cache: a few dates and Regions of many callers.
const maxKeys = 4096

// signingScope is what a signing key is derived from.
type signingScope struct{ secret, date, region, service string }

// keyCache keeps derived signing keys, because deriving one costs four HMACs. Only the keys of known
// callers, served Regions and dates near today get here, so it fills with the number of callers, not
// with what attackers make up.
type keyCache struct {
	mu   sync.RWMutex
	keys map[signingScope][]byte
}

func (c *keyCache) get(s signingScope) []byte {
	c.mu.RLock()
	key, ok := c.keys[s]
	c.mu.RUnlock()
	if ok {
		return key
	}
	key = s.derive()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil || len(c.keys) >= maxKeys {
		c.keys = map[signingScope][]byte{}
	}
	c.keys[s] = key
	return key
}

func (s signingScope) derive() []byte {
	key := []byte("AWS4" + s.secret)
	for _, part := range []string{s.date, s.region, s.service, terminator} {
		key = mac(key, part)
	}
	return key
}

// sign returns the signature of a canonical request.
func sign(key []byte, a *authorization, canonical string) string {
	hash := sha256.Sum256([]byte(canonical))
	return hex.EncodeToString(mac(key, algorithm+"\n"+
		a.at.Format(basicTime)+"\n"+
		a.date+"/"+a.region+"/"+a.service+"/"+a.terminator+"\n"+
		hex.EncodeToString(hash[:])))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
