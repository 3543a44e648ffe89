package control

// Point says which state of a key is meant; the zero value: the present one.
type Point struct {
	Account  string // needed only if several accounts have keys of that id
	Seq      uint64 // as it was behind this record of the event log
	AtMillis int64  // as it was at this Region time, ms since 1970 UTC
}

// KeyState is what one Region knows about a key at one point of its event log. Times are RFC 3339, Region time.
type KeyState struct {
	Region string       `json:"region"`
	Seq    uint64       `json:"seq"`            // of the last record that counts; 0: before the first
	Time   string       `json:"time,omitempty"` // of that record
	Head   uint64       `json:"head"`           // of the newest record there is
	KeyID  string       `json:"keyId"`
	Known  bool         `json:"known"` // false: no record up to there says anything about the key
	Shared *SharedState `json:"shared,omitempty"`
	Own    *OwnState    `json:"own,omitempty"`
}

// SharedState is what all members of a key's family are to agree on: the record that the primary writes. Of two that
// differ the one of the lower version is behind; two of one version never differ.
type SharedState struct {
	Version     string         `json:"version"`
	Writer      string         `json:"writer"`
	Primary     string         `json:"primary"` // Region
	Account     string         `json:"account"`
	MultiRegion bool           `json:"multiRegion"`
	Spec        string         `json:"spec"`
	Usage       string         `json:"usage"`
	Origin      string         `json:"origin"`
	Members     []ListedMember `json:"members"`
	Materials   []Material     `json:"materials"`
	Current     string         `json:"current,omitempty"` // id of the material that encrypts
	Pending     string         `json:"pending,omitempty"` // id of the material that is being distributed
	Rotation    *Rotation      `json:"rotation,omitempty"`
	Handoff     string         `json:"handoff,omitempty"` // Region that the primary wants to give its role to
	Ended       bool           `json:"ended,omitempty"`
}

// ListedMember is a Region's place in a family.
type ListedMember struct {
	Region string `json:"region"`
	Inc    string `json:"inc"` // version of the record that added it
	Gone   bool   `json:"gone,omitempty"`
	Fenced bool   `json:"fenced,omitempty"`
}

// Material is one material of a family, without its secret.
type Material struct {
	ID        string `json:"id"`
	Number    uint32 `json:"number"`
	CreatedAt string `json:"createdAt"`
	RotatedAt string `json:"rotatedAt,omitempty"`
}

// Rotation is the automatic rotation of a family.
type Rotation struct {
	PeriodDays uint16 `json:"periodDays"`
	NextAt     string `json:"nextAt"`
}

// OwnState is what a Region's member has for itself.
type OwnState struct {
	Role        string         `json:"role"` // PRIMARY, REPLICA; SINGLE of a key in one Region; ORPHAN
	State       string         `json:"state"`
	Complete    bool           `json:"complete"` // every material was here once
	Inc         string         `json:"inc"`
	SV          uint64         `json:"sv"` // number of its newest status
	Held        []string       `json:"held"`
	Imports     []Imported     `json:"imports,omitempty"`
	Handoff     string         `json:"handoff,omitempty"` // what it says to the role of primary: ready or refused, and why
	DeletionAt  string         `json:"deletionAt,omitempty"`
	WindowDays  uint16         `json:"windowDays,omitempty"`
	Halted      string         `json:"halted,omitempty"`
	Awaits      []string       `json:"awaits,omitempty"` // Regions that must be heard first, in a new life
	CreatedAt   string         `json:"createdAt,omitempty"`
	Description string         `json:"description,omitempty"`
	Policy      string         `json:"policy,omitempty"`
	Tags        []string       `json:"tags,omitempty"` // key=value
	Aliases     []string       `json:"aliases,omitempty"`
	Grants      uint64         `json:"grants"`
	Knows       []KnownStatus  `json:"knows,omitempty"` // at the primary: the newest that each member said
	Owes        []OwedMessage  `json:"owes,omitempty"`
	Handovers   []Certificated `json:"handovers,omitempty"` // of the role, as far as they are known here
}

// Imported is a material that callers brought to this Region.
type Imported struct {
	ID      string `json:"id"`
	ValidTo string `json:"validTo,omitempty"`
}

// KnownStatus is what a member said about itself when it was heard last.
type KnownStatus struct {
	From    string `json:"from"`
	Inc     string `json:"inc"`
	SV      uint64 `json:"sv"`
	State   string `json:"state"`
	Applied string `json:"applied"` // version of its record
	Held    int    `json:"held"`    // number of materials
}

// OwedMessage is a message that is sent until its receiver answers.
type OwedMessage struct {
	To   string `json:"to"`
	What string `json:"what"` // record, status, question
}

// Certificated is one hand-over of the role of primary.
type Certificated struct {
	Epoch uint32 `json:"epoch"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Holding is a line about what a Region holds: a multi-Region key, or, at the end, the rest. The key's state is without
// what its member has for itself alone: policy, tags, aliases, grants.
type Holding struct {
	Key  *KeyState `json:"key,omitempty"`
	Rest *Rest     `json:"rest,omitempty"`
}

// Rest is what a Region holds beside multi-Region keys.
type Rest struct {
	Region       string `json:"region"`
	TimeMillis   int64  `json:"timeMillis"`   // the Region's
	SingleRegion int    `json:"singleRegion"` // number of keys that are in this Region alone
}
