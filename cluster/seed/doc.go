// Package seed reads seed files: keys that a cluster is to have, with ids, material, aliases, policies, tags
// and replicas that are given.
//
// It reads two forms of YAML, told apart by their first member. Meridian's own:
//
//	keys:
//	  - keyId: mrk-1234abcd12ab34cd56ef1234567890ab   # mrk-: a multi-Region key
//	    region: us-east-1                             # default: the cluster's first
//	    accountId: "000000000000"                     # the default
//	    description: orders
//	    keySpec: SYMMETRIC_DEFAULT                    # keySpec, keyUsage, origin as in CreateKey
//	    material: 5cdaead27fe7da2de47945d73cd6d79e36494e73802f3cd3869f1d2cb0b5d7a9   # hex; default: new
//	    tags: {team: orders}
//	    policy: {Version: "2012-10-17", Statement: []}   # or JSON text
//	    rotationPeriodInDays: 365
//	    aliases: [alias/orders]
//	    replicas:
//	      - region: eu-west-1
//	        aliases: [alias/orders]
//	  - keyId: 0987dcba-09fe-87dc-65ba-ab0987654321
//	    keyUsage: SIGN_VERIFY
//	    privateKeyPem: |                              # PKCS #8, SEC 1 or PKCS #1; tells the spec of RSA and ECC keys
//	      -----BEGIN PRIVATE KEY-----
//
// and that of local-kms, with Keys and Aliases. Of several BackingKeys the last is taken, and a NextKeyRotation
// turns rotation on without its date; File.Notes says so.
//
// Parse finds all that is wrong that can be seen in the file, each with its line, and refuses the file as a
// whole. Its input may come from anywhere: it is bounded. It does not know the cluster (see File.Place), makes
// no keys, and starts no goroutines.
package seed
