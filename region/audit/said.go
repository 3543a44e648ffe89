package audit

import "meridian/keyengine/kmsapi"

// said is a request as it is recorded: AWS's entries name the encryption algorithm also where the caller left the default.
func said(in kmsapi.Input) kmsapi.Input {
	usual := func(p *kmsapi.EncryptionAlgorithmSpec) *kmsapi.EncryptionAlgorithmSpec {
		if p != nil {
			return p
		}
		return new(kmsapi.EncryptionAlgorithmSpecSymmetricDefault)
	}
	switch in := in.(type) { // copies: the request belongs to who answers it
	case *kmsapi.EncryptRequest:
		filled := *in
		filled.EncryptionAlgorithm = usual(in.EncryptionAlgorithm)
		return &filled
	case *kmsapi.DecryptRequest:
		filled := *in
		filled.EncryptionAlgorithm = usual(in.EncryptionAlgorithm)
		return &filled
	case *kmsapi.ReEncryptRequest:
		filled := *in
		filled.SourceEncryptionAlgorithm, filled.DestinationEncryptionAlgorithm = usual(in.SourceEncryptionAlgorithm), usual(in.DestinationEncryptionAlgorithm)
		return &filled
	}
	return in
}
