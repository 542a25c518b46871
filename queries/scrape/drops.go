package scrape

import (
	"fmt"
	"slices"
)

// reason says why a sample was not kept.
type reason int

const (
	kept      reason = iota
	evicted          // it was kept, and dropped later to make room
	noSeries         // its series would have been one too many
	noSamples        // one scrape held more than the whole store may
	badLabels        // its labels are too long
	badTime          // the page dated it too far from now
	badOrder         // its series already has a sample at that time or later
	badValue         // a native histogram whose parts contradict each other
	reasons
)

// String is the reason's label in metrics.
func (r reason) String() string {
	return [reasons]string{"kept", "evicted", "series_limit", "sample_limit", "labels_too_long", "time_out_of_bounds", "out_of_order", "invalid"}[r]
}

// refusalQuiet is how long nothing must be refused, in milliseconds, before a spell of
// refusals is over.
const refusalQuiet = 60_000

// maxSpells bounds how many spells are remembered.
const maxSpells = 32

// spell is a run of scrapes to which the same thing happened, with no quiet between.
type spell struct {
	from, to int64
	count    int
	text     string // what happened the last time
}

// overlaps reports whether the spell touches [from, to].
func (s spell) overlaps(from, to int64) bool { return s.from <= to && s.to >= from }

// drops counts what a store did not keep.
type drops struct {
	counts [reasons]uint64
	spells [reasons][]spell
}

func (d *drops) add(why reason, now int64, n int) {
	d.counts[why] += uint64(n)
	if why == evicted || why == badOrder {
		// Evicted samples are said to be lost, by time. An old or repeated sample is not
		// missing from the store.
		return
	}
	d.spells[why] = lengthened(d.spells[why], spell{from: now, to: now, count: n}, refusalQuiet)
}

// lengthened adds what happened now to spells: to the last one, or to a new one after
// some quiet. Where there are too many the two oldest become one: a long memory is
// less exact, never silent.
func lengthened(spells []spell, now spell, quiet int64) []spell {
	if k := len(spells); k > 0 && now.from-spells[k-1].to <= quiet {
		last := &spells[k-1]
		last.to, last.text = max(last.to, now.to), now.text
		last.count += now.count
		return spells
	}
	if len(spells) == maxSpells {
		spells[1].from, spells[1].count = spells[0].from, spells[0].count+spells[1].count
		spells = append(spells[:0], spells[1:]...)
	}
	return append(spells, now)
}

// within says what was refused in [from, to].
func (d *drops) within(from, to int64, b bounds) []string {
	var said []string
	for why, spells := range d.spells {
		// No number is said: it would grow from look to look, for one and the same window.
		if slices.ContainsFunc(spells, func(s spell) bool { return s.overlaps(from, to) }) {
			said = append(said, "some samples were not kept: "+reason(why).sentence(b))
		}
	}
	return said
}

// sentence says what the reason means and what to do.
func (r reason) sentence(b bounds) string {
	switch r {
	case noSeries:
		return fmt.Sprintf("there are more than the %d series that it may hold; raise MaxSeries or scrape fewer targets", b.series)
	case noSamples:
		return fmt.Sprintf("one scrape was larger than the %d samples that it may hold; raise MaxSamples", b.samples)
	case badLabels:
		return fmt.Sprintf("their labels were longer than %d bytes", maxLabelBytes)
	case badTime:
		return "the page gave them times that are too old or too far ahead; check the target's clock"
	case badValue:
		return "they were native histograms whose counts contradict each other"
	}
	return "they came too late"
}
