package region

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Level is how fresh an answer must be.
type Level uint8

// The levels. Default answers from the applied state of any node, but catches up with the leader
// before metadata reads and before a "no" that staleness could explain; Eventual does neither;
// Bounded is Eventual with an age that must not be exceeded; Strong is answered by the leader. Flapping is
// Eventual at a random node for each metadata read, and Default for cryptography.
const (
	Default Level = iota
	Eventual
	SessionOnly
	Bounded
	Strong
	Flapping
)

// Consistency is a level with its parameter.
type Consistency struct {
	Level Level
	Age   time.Duration // of Bounded
	Seed  uint64        // of Flapping
}

// ParseConsistency parses the value of the header x-meridian-consistency or of --consistency:
// default, eventual, session, bounded=<ms>, strong, flapping, flapping=<seed>.
func ParseConsistency(s string) (Consistency, error) {
	switch s {
	case "", "default":
		return Consistency{Level: Default}, nil
	case "eventual":
		return Consistency{Level: Eventual}, nil
	case "session":
		return Consistency{Level: SessionOnly}, nil
	case "strong":
		return Consistency{Level: Strong}, nil
	case "flapping":
		return Consistency{Level: Flapping}, nil
	}
	if seed, ok := strings.CutPrefix(s, "flapping="); ok {
		if n, err := strconv.ParseUint(seed, 10, 64); err == nil {
			return Consistency{Level: Flapping, Seed: n}, nil
		}
	}
	if ms, ok := strings.CutPrefix(s, "bounded="); ok {
		n, err := strconv.ParseUint(ms, 10, 31)
		if err == nil {
			return Consistency{Level: Bounded, Age: time.Duration(n) * time.Millisecond}, nil
		}
	}
	return Consistency{}, fmt.Errorf("consistency %q is none of default, eventual, session, bounded=<ms>, strong, flapping[=<seed>]", s)
}

// Session is a place in a Region's history that a caller has seen.
type Session struct {
	Region string
	Life   uint64
	Seq    uint64
}

// ParseSession parses the form of String.
func ParseSession(s string) (Session, error) {
	parts := strings.Split(s, ".")
	if len(parts) == 3 {
		life, err1 := strconv.ParseUint(parts[1], 10, 64)
		seq, err2 := strconv.ParseUint(parts[2], 10, 64)
		if err1 == nil && err2 == nil {
			return Session{Region: parts[0], Life: life, Seq: seq}, nil
		}
	}
	return Session{}, fmt.Errorf("session %q is not <region>.<life>.<index>", s)
}

func (s Session) String() string { return fmt.Sprintf("%s.%d.%d", s.Region, s.Life, s.Seq) }
