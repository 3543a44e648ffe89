package sim

// Faults of links and of the broker that take more than one step.

// linkChange cuts a direction of a link, or mends it.
type linkChange struct {
	from, to int
	cut      bool
}

// moveLinks makes the next change that is to come.
func (w *world) moveLinks() {
	if len(w.links) == 0 || w.rng.IntN(3) > 0 {
		return
	}
	c := w.links[0]
	w.links = w.links[1:]
	w.cut[c.from][c.to] = c.cut
	w.tracef("link %s to %s cut: %v", regionNames[c.from], regionNames[c.to], c.cut)
}

// disturb does one of the rarer things.
func (w *world) disturb() {
	switch w.rng.IntN(5) {
	case 0:
		w.net = w.net[:0]
		w.count("fault: broker wiped")
		w.tracef("the broker loses everything")
	case 1:
		w.swizzle(w.rng.IntN(regionCount))
	case 2:
		w.flap(w.rng.IntN(regionCount), w.rng.IntN(regionCount))
	case 3:
		w.copied = append(w.copied[:0], w.net...)
	default:
		w.rollBack()
	}
}

// swizzle cuts all links of a Region, one direction after the other, and mends them in another order.
func (w *world) swizzle(r int) {
	w.count("fault: swizzled links")
	var ways []linkChange
	for q := range regionCount {
		if q != r {
			ways = append(ways, linkChange{r, q, true}, linkChange{q, r, true})
		}
	}
	for _, cut := range []bool{true, false} {
		w.rng.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
		for _, c := range ways {
			c.cut = cut
			w.links = append(w.links, c)
		}
	}
}

// flap cuts and mends one direction again and again.
func (w *world) flap(from, to int) {
	w.count("fault: flapping link")
	for i := range 8 {
		w.links = append(w.links, linkChange{from, to, i%2 == 0})
	}
}

// rollBack gives the broker an older copy of its state: what was delivered is delivered again, what came
// since is lost.
func (w *world) rollBack() {
	if len(w.copied) == 0 {
		return
	}
	w.net = append(w.net[:0], w.copied...)
	w.count("fault: broker rolled back")
	w.tracef("the broker goes back to an older copy: %d messages", len(w.net))
}
