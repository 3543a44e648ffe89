package sigv4

import (
	"time"

	"meridian/keyengine/kmsapi"
)

// The development access key is root of this account.
const (
	DevelopmentAccessKeyID = "test"
	DevelopmentSecret      = "test"
	DevelopmentAccount     = "000000000000"
)

// Development returns the credentials of a cluster for one's own machine, where the secret is no
// secret: access key test is root of account 000000000000, and an access key id of twelve digits is
// root of the account with that number. They must not be used beyond loopback.
func Development(partition string) func(accessKeyID, token string, now time.Time) (Credential, error) {
	return func(accessKeyID, token string, _ time.Time) (Credential, error) {
		account, ok := DevelopmentAccountOf(accessKeyID)
		if !ok || token != "" {
			return Credential{}, ErrUnknown
		}
		return Credential{
			Secret: DevelopmentSecret,
			Principal: kmsapi.Principal{
				Account:     account,
				ARN:         "arn:" + partition + ":iam::" + account + ":root",
				AccessKeyID: accessKeyID,
			},
		}, nil
	}
}

// DevelopmentAccountOf returns the account whose root a development access key is.
func DevelopmentAccountOf(accessKeyID string) (account string, ok bool) {
	if accessKeyID == DevelopmentAccessKeyID {
		return DevelopmentAccount, true
	}
	return accessKeyID, isAccount(accessKeyID)
}

func isAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == 12
}
