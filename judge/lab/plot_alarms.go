package lab

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// alphaShare is the false-alarm budget of the product's default plan.
const alphaShare = .05

// Measures of the chart of alarms, in points.
const (
	alarmNames  = 118 // the column of the rules' names
	alarmWidth  = 168 // of one panel
	alarmGap    = 44  // beside it: the numbers of dots near 100%
	alarmRow    = 17
	alarmTop    = 78
	alarmBottom = 34
)

// alarmsFigure shows for each rule how often healthy canaries were rolled back, with
// exact intervals: a panel for each setting, a row for each rule.
func alarmsFigure(cells []Cell) figure {
	panels := tables(cells)
	var rules []string
	for _, c := range cells {
		if !slices.Contains(rules, c.Rule) {
			rules = append(rules, c.Rule)
		}
	}
	rows := vg.Length(len(rules))
	return figure{
		width:  alarmNames + vg.Length(len(panels))*(alarmWidth+alarmGap) + 14,
		height: alarmTop + rows*alarmRow + alarmBottom,
		draw: func(p *pen) {
			title, common := captions(cells)
			p.heading("Healthy canaries that were rolled back",
				fmt.Sprintf("share of %s rollouts, with exact 95%% intervals; asked every minute for an hour, where the name does not say otherwise%s", thousands(cells[0].Runs), common))
			for i, rule := range rules {
				y := p.height - alarmTop - (vg.Length(i)+.5)*alarmRow
				p.write(alarmNames-10, y, words{size: 9, hue: darkened(rule), bold: ours(rule), align: text.XRight}, rule)
			}
			for i, table := range panels {
				x := alarmNames + vg.Length(i)*(alarmWidth+alarmGap)
				p.write(x, p.height-alarmTop+12, words{size: 9.5, hue: ink, bold: true}, title(table[0]))
				p.alarms(x, table, rules)
			}
		},
	}
}

// ours reports whether a rule is the product's.
func ours(rule string) bool { return rule == "serin" || len(rule) > 6 && rule[:6] == "serin-" }

// darkened is the colour of a rule's name.
func darkened(rule string) hue {
	if ours(rule) {
		return hueOf(rule)
	}
	return ink
}

// heading writes what a figure shows.
func (p *pen) heading(title, about string) {
	p.write(14, p.height-20, words{size: 13, hue: ink, bold: true}, title)
	w := words{size: 9, hue: pale}
	for i, line := range p.lines(w, p.width-28, about) {
		p.write(14, p.height-37-vg.Length(i)*11, w, line)
	}
}

// alarms draws one panel.
func (p *pen) alarms(x vg.Length, cells []Cell, rules []string) {
	top := p.height - alarmTop
	bottom := top - vg.Length(len(rules))*alarmRow
	at := func(share float64) vg.Length { return x + vg.Length(share)*alarmWidth }
	for _, tick := range []float64{0, .25, .5, .75, 1} {
		p.line(stroke{hue: grid, width: .75}, vg.Point{X: at(tick), Y: bottom}, vg.Point{X: at(tick), Y: top})
		p.write(at(tick), bottom-10, words{size: 8, hue: pale, align: text.XCenter}, percent(tick))
	}
	p.line(stroke{hue: ink, width: .75, dash: true}, vg.Point{X: at(alphaShare), Y: bottom - 3}, vg.Point{X: at(alphaShare), Y: top + 3})
	p.write(at(alphaShare)-3, bottom-22, words{size: 8, hue: ink}, "α = 5%, Serin's budget")
	for _, c := range cells {
		i := slices.Index(rules, c.Rule)
		y, h := top-(vg.Length(i)+.5)*alarmRow, hueOf(c.Rule)
		p.line(stroke{hue: h, width: 1.75}, vg.Point{X: at(c.RollbackLow), Y: y}, vg.Point{X: at(c.RollbackHigh), Y: y})
		p.dot(at(c.RollbackRate), y, 3, h)
		p.write(at(c.RollbackHigh)+6, y, words{size: 8, hue: darkened(c.Rule), bold: ours(c.Rule)}, percent(c.RollbackRate))
	}
}

// captions returns what the title of a panel says, and what all panels have in common,
// to be said once.
func captions(cells []Cell) (title func(Cell) string, common string) {
	service := func(c Cell) string {
		if c.Level == Recorded {
			return "recorded"
		}
		return fmt.Sprintf("%s, %s requests/s", c.Level, short(c.RPS))
	}
	varies := func(of func(Cell) string) bool {
		return slices.ContainsFunc(cells, func(c Cell) bool { return of(c) != of(cells[0]) })
	}
	scenario := func(c Cell) string { return c.Scenario }
	switch {
	case varies(scenario) && varies(service):
		return func(c Cell) string { return c.Scenario + ", " + service(c) }, ""
	case varies(service):
		if scenario(cells[0]) != "aa" {
			common = "; " + scenario(cells[0])
		}
		return service, common
	}
	return scenario, "; " + service(cells[0])
}

// thousands writes a whole number with a comma in it.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
