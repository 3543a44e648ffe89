package httpbus

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"meridian/keyengine/canonical"
	"meridian/keyengine/keyring"
)

// voucher names the extension in which the Region's signing key vouches for the certificate's key. It is below the arc
// of UUIDs, so it needs no registry.
func voucher() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 25, 1481932911, 1}
}

// vouched is what the signature in a voucher is over.
type vouched struct {
	Cluster string `cbor:"1,keyasint"`
	Region  string `cbor:"2,keyasint"`
	Key     []byte `cbor:"3,keyasint"` // SubjectPublicKeyInfo
}

// newCertificate makes a key for TLS and the certificate that belongs to it.
func newCertificate(c *Config) (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return tls.Certificate{}, err
	}
	signature := c.Sign(keyring.DomainTransport, canonical.Marshal(vouched{c.ClusterID, c.Region, spki}))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: c.Region},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		ExtraExtensions: []pkix.Extension{{Id: voucher(), Value: signature}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}

// proved returns the Region that the other end of a connection has proved.
func (b *Bus) proved(s *tls.ConnectionState) (region string, err error) {
	if len(s.PeerCertificates) == 0 {
		return "", errors.New("the other end has no certificate")
	}
	cert := s.PeerCertificates[0]
	region = cert.Subject.CommonName
	peer, ok := b.config.Peers[region]
	if !ok {
		return "", fmt.Errorf("%.64q is not another Region of the cluster", region)
	}
	message := canonical.Marshal(vouched{b.config.ClusterID, region, cert.RawSubjectPublicKeyInfo})
	for _, e := range cert.Extensions {
		if e.Id.Equal(voucher()) && keyring.Verify(peer.SigningKey, keyring.DomainTransport, message, e.Value) {
			return region, nil
		}
	}
	return "", fmt.Errorf("the certificate of %s is not vouched for by its signing key", region)
}

// tlsConfig is that of connections to the Region dst; empty: of connections from any.
func (b *Bus) tlsConfig(dst string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{b.certificate},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
		InsecureSkipVerify: true, // names and authorities prove nothing here; VerifyConnection does
		VerifyConnection: func(s tls.ConnectionState) error {
			region, err := b.proved(&s)
			if err == nil && dst != "" && region != dst {
				err = fmt.Errorf("the other end is of %s, not of %s", region, dst)
			}
			return err
		},
	}
}
