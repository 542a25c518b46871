package app

import (
	"context"
	"fmt"
)

// publishing asks every place for dashboards and rules what of Serin's is there, for
// serin doctor. Nothing is written.
func (x *examination) publishing(ctx context.Context) {
	p := x.c.Publish
	if !p.on() {
		return
	}
	boards, err := p.Dashboards.open()
	if err != nil {
		x.unpublished("publish dashboards", err)
	}
	rules, err := p.Rules.open(p)
	if err != nil {
		x.unpublished("publish rules", err)
	}
	for _, b := range boards {
		x.place(ctx, b.Name, "dashboards", b.Place.Owned)
	}
	for _, r := range rules {
		x.place(ctx, r.Name, "groups of rules", r.Place.Owned)
	}
	if len(rules) > 0 && p.Self == "" {
		x.add(Diagnosis{"publish self", Doubt, "rules about the judge itself are left out: where its metrics are is not said", `write publish.self, for example job="serin"`})
	}
}

// place asks one place.
func (x *examination) place(ctx context.Context, name, what string, owned func(context.Context) ([]string, error)) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	there, err := owned(ctx)
	if err != nil {
		x.unpublished("publish "+name, err)
		return
	}
	x.add(Diagnosis{Part: "publish " + name, Health: Well, Text: fmt.Sprintf("answers; %d %s of Serin's are there", len(there), what)})
}

func (x *examination) unpublished(part string, err error) {
	x.add(Diagnosis{part, Ill, oneLine(err), "mend publish in the configuration, or the place; verdicts do not need it"})
}
