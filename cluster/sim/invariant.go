package sim

// Invariant names a promise of the protocol.
type Invariant string

// Safety: checked after every step.
const (
	// SingleWriter: two records of equal version are equal.
	SingleWriter Invariant = "SingleWriter"
	// AtMostOnePrimaryPerEpoch: all records of one generation and epoch name one primary.
	AtMostOnePrimaryPerEpoch Invariant = "AtMostOnePrimaryPerEpoch"
	// AtMostOnePrimary: at any instant at most one Region may write, unless one was promoted by force.
	AtMostOnePrimary Invariant = "AtMostOnePrimary"
	// VersionMonotone: version, incarnation and status number never decrease in a Region.
	VersionMonotone Invariant = "VersionMonotone"
	// MaterialBeforeUse: a material encrypts only when every member that is not gone holds it.
	MaterialBeforeUse Invariant = "MaterialBeforeUse"
	// DecryptAnywhere: every complete member holds every material that ever encrypted.
	DecryptAnywhere Invariant = "DecryptAnywhere"
	// NoLostReplica: a primary is deleted only when no other member lives, but fenced ones.
	NoLostReplica Invariant = "NoLostReplica"
	// NoResurrection: a member's life that ended never begins again.
	NoResurrection Invariant = "NoResurrection"
	// UpdatingIsFrozen: while Updating, nothing happens that the state table refuses then.
	UpdatingIsFrozen Invariant = "UpdatingIsFrozen"
	// EnabledIsComplete: an enabled member had all materials of its record once.
	EnabledIsComplete Invariant = "EnabledIsComplete"
	// CryptoContinuity: an enabled member, Updating or not, can always encrypt.
	CryptoContinuity Invariant = "CryptoContinuity"
	// NoSilentMaterialLoss: a material that ever encrypted is held by a live member or an orphan,
	// until the whole family is deleted.
	NoSilentMaterialLoss Invariant = "NoSilentMaterialLoss"
	// IndependentStaysLocal: no message enables, disables or schedules a living member.
	IndependentStaysLocal Invariant = "IndependentStaysLocal"
	// StatusIsNumbered: a member's status changes only together with its number.
	StatusIsNumbered Invariant = "StatusIsNumbered"
	// RecordIsValid: every written record passes the check of its receivers.
	RecordIsValid Invariant = "RecordIsValid"
	// NoBrokenPromise: no member halts with an alarm.
	NoBrokenPromise Invariant = "NoBrokenPromise"
	// SameBytesOnly: a member holds no imported material but what its family lists.
	SameBytesOnly Invariant = "SameBytesOnly"
	// DecideIsPure: Decide leaves its argument as it was. Checked in sampled seeds.
	DecideIsPure Invariant = "DecideIsPure"
)

// Liveness: checked after healing, in bounded time.
const (
	// NothingStuck: no member is Updating, Creating or incomplete.
	NothingStuck Invariant = "NothingStuck"
	// TokenNotLost: where members live, exactly one of them is primary.
	TokenNotLost Invariant = "TokenNotLost"
	// MembersKnown: each listed member lives, and each member that is gone is known to be.
	MembersKnown Invariant = "MembersKnown"
	// SharedPropertiesConverge: every member has the primary's record, and its materials.
	SharedPropertiesConverge Invariant = "SharedPropertiesConverge"
	// RotationCompletes: no rotation is pending.
	RotationCompletes Invariant = "RotationCompletes"
	// OrphansSalvaged: no orphan of a living family holds materials.
	OrphansSalvaged Invariant = "OrphansSalvaged"
	// EvolveIsReplay: replaying a Region's events from nothing, through their stored form, gives its
	// state. Checked in sampled seeds.
	EvolveIsReplay Invariant = "EvolveIsReplay"
)
