package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Shape is the cluster that a schedule is drawn for.
type Shape struct {
	Regions []string
	Nodes   int // of each Region
}

// Streams of chance that a seed gives: one for each lane of faults, and one for each client.
const (
	streamNodes = iota
	streamLinks
	streamClients
)

func chance(seed uint64, stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(stream))) }

// calm is how long faults keep away from the beginning and the end of a load.
const calm = 1500 * time.Millisecond

// Draw draws the faults of a load that lasts so long. There are two lanes: in one, faults on nodes follow each other,
// so that at most one Region loses nodes at a time; in the other, faults on the links between Regions. Each lane deals its
// kinds like cards: none comes again before every other has come.
func Draw(seed uint64, s Shape, length time.Duration) Schedule {
	nodes := lane{r: chance(seed, streamNodes), shape: s, deck: nodeFaults(s)}
	links := lane{r: chance(seed, streamLinks), shape: s, deck: linkFaults(s)}
	all := append(nodes.deal(length), links.deal(length)...)
	slices.SortStableFunc(all, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return all
}

// A card makes a fault of chance.
type card func(l *lane) Fault

// lane draws faults that follow each other.
type lane struct {
	r     *rand.Rand
	shape Shape
	deck  []card
}

// deal fills a time with faults.
func (l *lane) deal(length time.Duration) (s Schedule) {
	at := calm + l.between(0, 1000)
	for len(l.deck) > 0 {
		for _, i := range l.r.Perm(len(l.deck)) {
			f := l.deck[i](l)
			f.At = at
			needs := cmp.Or(f.For, ownTime(f.Kind))
			if at+needs > length-calm {
				return s
			}
			s = append(s, f)
			at += needs + l.between(600, 2600)
		}
	}
	return s
}

// ownTime is about how long a fault takes that ends by itself.
func ownTime(k Kind) time.Duration {
	switch k {
	case Roll, Replace:
		return 8 * time.Second
	}
	return time.Second
}

// between is a time in ms, drawn, to a hundredth of a second.
func (l *lane) between(least, most int) time.Duration {
	return time.Duration(least+10*l.r.IntN((most-least)/10+1)) * time.Millisecond
}

func (l *lane) region() string { return l.shape.Regions[l.r.IntN(len(l.shape.Regions))] }

func (l *lane) pair() []string {
	p := l.r.Perm(len(l.shape.Regions))
	return []string{l.shape.Regions[p[0]], l.shape.Regions[p[1]]}
}

// node is the leader of a Region half of the time, else any node.
func (l *lane) node() string {
	if l.r.IntN(2) == 0 {
		return l.region() + "/leader"
	}
	return l.region() + "/" + strconv.Itoa(1+l.r.IntN(l.shape.Nodes))
}

// lasting is a card of a kind that lasts between so many ms.
func lasting(k Kind, least, most int, places func(*lane) []string) card {
	return func(l *lane) Fault {
		return Fault{Kind: k, Places: places(l), For: l.between(least, most)}
	}
}

// nodeFaults are the cards of the first lane.
func nodeFaults(s Shape) []card {
	one := func(l *lane) []string { return []string{l.node()} }
	whole := func(l *lane) []string { return []string{l.region()} }
	deck := []card{
		lasting(Kill, 500, 5000, one),
		lasting(Pause, 500, 6000, one),
		lasting(Kill, 500, 5000, whole),
		func(l *lane) Fault { return Fault{Kind: Clock, By: time.Duration(1+l.r.IntN(72)) * time.Hour} },
	}
	if s.Nodes < 3 {
		return deck
	}
	leader := func(l *lane) []string { return []string{l.region() + "/leader"} }
	toRegion := func(l *lane) []string { r := l.region(); return []string{r + "/leader", r} }
	fromRegion := func(l *lane) []string { r := l.region(); return []string{r, r + "/leader"} }
	return append(
		deck,
		lasting(Isolate, 1000, 8000, leader),
		lasting(Isolate, 1000, 8000, one),
		lasting(OneWay, 1000, 6000, toRegion),
		lasting(OneWay, 1000, 6000, fromRegion),
		lasting(Flap, 2000, 6000, toRegion),
		lasting(Cut, 1000, 6000, func(l *lane) []string { // a bridge: the third node hears both
			r, p := l.region(), l.r.Perm(l.shape.Nodes)
			return []string{r + "/" + strconv.Itoa(1+p[0]), r + "/" + strconv.Itoa(1+p[1])}
		}),
		lasting(Kill, 500, 4000, func(l *lane) []string { return []string{l.region() + "/majority"} }),
		lasting(Pause, 500, 4000, func(l *lane) []string { return []string{l.region() + "/majority"} }),
		func(l *lane) Fault {
			r := l.region()
			return Fault{Kind: Delay, Places: []string{r + "/leader", r}, By: l.between(10, 150), For: l.between(1000, 5000)}
		},
		func(l *lane) Fault { return Fault{Kind: Roll, Places: []string{l.region()}} },
		func(l *lane) Fault { return Fault{Kind: Replace, Places: []string{l.node()}} },
		lasting(Add, 1000, 5000, whole),
		lasting(Remove, 1000, 5000, one),
	)
}

// linkFaults are the cards of the second lane.
func linkFaults(s Shape) []card {
	if len(s.Regions) < 2 {
		return nil
	}
	pair := func(l *lane) []string { return l.pair() }
	chancy := func(k Kind) card {
		return func(l *lane) Fault {
			return Fault{Kind: k, Places: l.pair(), P: float64(1+l.r.IntN(9)) / 10, For: l.between(1000, 6000)}
		}
	}
	return []card{
		lasting(Cut, 1000, 8000, pair), // with three Regions a bridge: the third hears both
		lasting(OneWay, 1000, 8000, pair),
		lasting(Flap, 2000, 8000, pair),
		lasting(Isolate, 1000, 8000, func(l *lane) []string { return []string{l.region()} }), // halves
		lasting(Swizzle, 3000, 8000, func(*lane) []string { return nil }),
		lasting(WipeBroker, 200, 1000, func(*lane) []string { return nil }),
		chancy(Drop),
		chancy(Duplicate),
		func(l *lane) Fault {
			return Fault{Kind: Delay, Places: l.pair(), By: l.between(50, 2000), For: l.between(1000, 6000)}
		},
	}
}
