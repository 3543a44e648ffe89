package primitive

// Prepared is a private key that was parsed out of a Material once, for many uses. It lives as long
// as the Material: parsing an RSA key takes longer than many an operation with it, but a key that
// outlived its destroyed Material would be a second, hidden copy.
//
// Like a Material, it shows nothing to a printer. The zero Prepared is a destroyed one.
type Prepared[K any] struct {
	material Material
	reveal   func() K
}

// Prepare parses m, which must stay what it is. It returns ErrMaterial if parse fails, which must
// not keep the bytes that it is given.
func Prepare[K any](m Material, parse func(raw []byte) (K, error)) (Prepared[K], error) {
	var key K
	err := m.Use(func(raw []byte) (err error) {
		key, err = parse(raw)
		return err
	})
	if err != nil {
		return Prepared[K]{}, ErrMaterial
	}
	return Prepared[K]{material: m, reveal: func() K { return key }}, nil
}

// Use calls f with the key, or returns ErrDestroyed. A Destroy meanwhile waits for f.
func (p Prepared[K]) Use(f func(key K) error) error {
	if p.reveal == nil {
		return ErrDestroyed
	}
	return p.material.Use(func([]byte) error { return f(p.reveal()) })
}
