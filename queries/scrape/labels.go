package scrape

import (
	"fmt"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
)

// labeller gives a page's samples the labels of their target. It reuses its memory.
type labeller struct {
	target  []labels.Label // sorted by name
	page    []labels.Label
	builder labels.ScratchBuilder
	key     []byte
}

// of returns the labels of a sample's series. The target's win; where the page has a
// label of the same name it is kept as exported_<name>.
func (b *labeller) of(e *exposed) (labels.Labels, error) {
	b.page = b.page[:0]
	for _, p := range e.pairs {
		b.take(p.GetName(), p.GetValue())
	}
	b.take(e.extra.name, e.extra.value)
	for _, t := range b.target {
		for i := range b.page {
			if b.page[i].Name == t.Name {
				b.page[i].Name = b.free(t.Name)
			}
		}
	}
	b.builder.Reset()
	b.builder.Add(model.MetricNameLabel, e.name+e.suffix)
	for _, l := range b.page {
		b.builder.Add(l.Name, l.Value)
	}
	for _, l := range b.target {
		b.builder.Add(l.Name, l.Value)
	}
	b.builder.Sort()
	all := b.builder.Labels()
	if name, twice := all.HasDuplicateLabelNames(); twice {
		return labels.Labels{}, fmt.Errorf("the page gives the metric %q the label %q twice", e.name+e.suffix, name)
	}
	return all, nil
}

// take adds a label of the page. One without a value is the same as none.
func (b *labeller) take(name, value string) {
	if value != "" {
		b.page = append(b.page, labels.Label{Name: name, Value: value})
	}
}

// free returns a name for a page's label that the target has too.
func (b *labeller) free(name string) string {
	taken := func(name string) bool {
		for _, l := range b.page {
			if l.Name == name {
				return true
			}
		}
		for _, l := range b.target {
			if l.Name == name {
				return true
			}
		}
		return false
	}
	for taken(name) {
		name = model.ExportedLabelPrefix + name
	}
	return name
}

// keyOf tells a page's lines apart without building their labels. It is valid until
// the next call. Neither separator occurs in UTF-8.
func (b *labeller) keyOf(e *exposed) []byte {
	k := append(append(b.key[:0], e.name...), e.suffix...)
	for _, p := range e.pairs {
		k = pair(k, p)
	}
	if e.extra.name != "" {
		k = append(append(append(append(k, 0xff), e.extra.name...), 0xfe), e.extra.value...)
	}
	b.key = k
	return k
}

func pair(k []byte, p *dto.LabelPair) []byte {
	return append(append(append(append(k, 0xff), p.GetName()...), 0xfe), p.GetValue()...)
}

// synthetic returns the labels of a series that a scrape itself leaves.
func (b *labeller) synthetic(name string) labels.Labels {
	ls, err := b.of(&exposed{name: name})
	if err != nil { // A target's labels are distinct, and none is __name__.
		panic("scrape: " + err.Error())
	}
	return ls
}
