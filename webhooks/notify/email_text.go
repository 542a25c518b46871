package notify

import (
	"fmt"
	"html/template"
	"strings"
)

// mailText is the mail for whoever reads plain text.
func mailText(m *message) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("%s\n", m.Headline)
	if text := m.text(asIs); text != "" {
		say("%s\n", text)
	} else {
		mailBody(m, say)
	}
	for _, l := range m.links() {
		say("%s: %s", l.Name, l.Value)
	}
	say("\nRollout %s, look %d at %s.", m.ID, m.Look, m.At.Format("2006-01-02 15:04 MST"))
	return b.String()
}

func mailBody(m *message, say func(format string, args ...any)) {
	say("%s\n", m.Sentence)
	if m.Page != "" {
		say("A person must look now: %s\n", m.Page)
	}
	for _, f := range m.Findings {
		say("%s %s: %s\n  %s", f.Mark, f.Name, f.words(), f.Reason)
	}
	if len(m.Findings) > 0 {
		say("")
	}
	for _, f := range m.Facts {
		say("%s: %s", f.Name, f.Value)
	}
	if m.Over {
		say("Over: %s", m.Why)
	}
	say("")
}

// mailPage is the mail as HTML. It asks nothing of the network: the picture is inside.
const mailPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>{{.Headline}}</title></head>
<body style="font-family:system-ui,-apple-system,Segoe UI,sans-serif;line-height:1.45;max-width:42em;margin:1em auto;padding:0 1em">
<h2 style="margin:0 0 .4em;border-left:.3em solid {{.Colour}};padding-left:.5em">{{with .Mark}}{{.}} {{end}}{{.Headline}}</h2>
{{if .Own}}<p style="white-space:pre-line">{{.Own}}</p>
{{else}}<p>{{.Sentence}}</p>
{{with .Page}}<p><strong>A person must look now:</strong> {{.}}</p>
{{end}}{{if .Findings}}<table style="border-collapse:collapse;width:100%">
<tr>{{range .Heads}}<th style="text-align:left;padding:.2em .8em .2em 0;border-bottom:1px solid #9aa4ae">{{.}}</th>{{end}}</tr>
{{range .Findings}}<tr><td style="padding:.2em .8em .2em 0">{{.Mark}} {{.Name}}</td><td>{{.Class}}</td><td>{{.Canary}}</td><td>{{.Baseline}}</td><td>{{.Odds}}</td></tr>
{{end}}</table>
{{end}}{{end}}{{if .Picture}}<p><img src="cid:evidence.png" width="560" alt="{{.Alt}}" style="max-width:100%;height:auto"></p>
{{end}}<p>{{range $i, $f := .Facts}}{{if $i}} · {{end}}{{$f.Name}}: {{$f.Value}}{{end}}{{if .Over}} · over: {{.Why}}{{end}}</p>
{{with .Links}}<p>{{range $i, $l := .}}{{if $i}} · {{end}}<a href="{{$l.Value}}">{{$l.Name}}</a>{{end}}</p>
{{end}}<p style="color:#6b7785;font-size:.85em">Rollout {{.ID}}, look {{.Look}} at {{.At.Format "2006-01-02 15:04 MST"}}. Serin decides; it shifts no traffic.</p>
</body></html>
`

// mailHTML writes the mail as HTML; everything foreign is escaped by html/template.
func mailHTML(m *message, p Picture) (string, error) {
	t, err := template.New("mail").Parse(mailPage)
	if err != nil {
		return "", err
	}
	colour := map[string]string{"good": "#2e7d32", "bad": "#b3261e", "held": "#b56a00"}[m.Tone]
	if colour == "" {
		colour = "#6b7785"
	}
	var b strings.Builder
	err = t.Execute(&b, struct {
		Notice
		Own, Colour, Alt string
		Heads            []string
		Links            []Fact
		Picture          bool
	}{m.Notice, m.text(asIs), colour, p.Alt, []string{"Finding", "", "Canary", "Baseline", "Evidence of harm"}, m.links(), len(p.PNG) > 0})
	return b.String(), err
}
