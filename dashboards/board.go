package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// width is how many columns Grafana's grid has.
const width = 24

// Board is a dashboard, ready to be written in either format.
type Board struct {
	UID   string
	Title string
	// LeftOut says what could not be drawn, and why.
	LeftOut []string

	d dashboard.Dashboard
}

// JSON writes the board in the schema that every Grafana since 8.3 reads.
func (b Board) JSON() ([]byte, error) { return indented(b.d) }

func indented(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("dashboards: %w", err)
	}
	return out.Bytes(), nil
}

// sheet gives panels their places: rows from above to below, panels from left to
// right. The SDK's own placing takes a panel in the corner for one without a place.
type sheet struct {
	placed []dashboard.PanelOrRowPanel
	ids    map[uint32]string
	fold   *dashboard.RowPanel // the collapsed row that panels go into
	x, y   uint32
	height uint32 // of the highest panel of this line
	left   []string
	err    error
}

func newSheet() *sheet { return &sheet{ids: map[uint32]string{}} }

// leave notes what is not drawn.
func (s *sheet) leave(format string, args ...any) {
	s.left = append(s.left, fmt.Sprintf(format, args...))
}

// row begins a row. The panels of a folded one are loaded only when it is opened.
func (s *sheet) row(id uint32, title string, folded bool) {
	s.line()
	r := dashboard.NewRowPanel()
	r.Id, r.Title, r.Collapsed = id, &title, folded
	r.GridPos = &dashboard.GridPos{X: 0, Y: s.y, W: width, H: 1}
	s.take(id, title)
	s.placed = append(s.placed, dashboard.PanelOrRowPanel{RowPanel: r})
	s.y++
	s.fold = nil
	if folded {
		s.fold = r
	}
}

// line begins a new line of panels.
func (s *sheet) line() { s.x, s.y, s.height = 0, s.y+s.height, 0 }

// take notes that a number is in use. Alerts and links name panels by their numbers.
func (s *sheet) take(id uint32, whose string) {
	if before, there := s.ids[id]; there && s.err == nil {
		s.err = fmt.Errorf("dashboards: panel %q has the number %d of %q", whose, id, before)
	}
	s.ids[id] = whose
}

// fill places panels of one size into the space that the line's first panel leaves
// beside it, in as many lines as fit.
func (s *sheet) fill(w, h uint32, ids []uint32, ps []panel) {
	left, top, high := s.x, s.y, s.height
	x, y := left, top
	for i, p := range ps {
		if x+w > width {
			x, y = left, y+h
		}
		s.x, s.y = x, y
		s.put(ids[i], w, h, p)
		x += w
	}
	s.x, s.y, s.height = width, top, max(high, y+h-top)
}

// put places a panel behind the last one, or on a new line where it does not fit.
func (s *sheet) put(id, w, h uint32, p panel) {
	if s.x+w > width {
		s.line()
	}
	built, err := p.build()
	if err != nil {
		if s.err == nil {
			s.err = err
		}
		return
	}
	s.take(id, p.key)
	built.Id = &id
	built.GridPos = &dashboard.GridPos{X: s.x, Y: s.y, W: w, H: h}
	s.x, s.height = s.x+w, max(s.height, h)
	if s.fold != nil {
		s.fold.Panels = append(s.fold.Panels, built)
		return
	}
	s.placed = append(s.placed, dashboard.PanelOrRowPanel{Panel: &built})
}

// panels returns what was placed.
func (s *sheet) panels() []dashboard.PanelOrRowPanel { return s.placed }

// dataSource is the variable that chooses where the series are: nothing on a board
// names a data source of one Grafana.
func dataSource() cog.Builder[dashboard.VariableModel] {
	return dashboard.NewDatasourceVariableBuilder(source).Label("Prometheus").Type("prometheus").
		Description("Where the series are that were judged.").
		Current(dashboard.VariableOption{
			Text: dashboard.StringOrArrayOfString{String: cog.ToPtr("default")}, Value: dashboard.StringOrArrayOfString{String: cog.ToPtr("default")},
		})
}

// constant is a hidden variable.
func constant(name, value string) cog.Builder[dashboard.VariableModel] {
	return dashboard.NewConstantVariableBuilder(name).Value(dashboard.StringOrMap{String: &value})
}

// variables builds variables, and gives constants the value that older Grafanas read.
func variables(bs ...cog.Builder[dashboard.VariableModel]) ([]dashboard.VariableModel, error) {
	var out []dashboard.VariableModel
	for _, b := range bs {
		v, err := b.Build()
		if err != nil {
			return nil, fmt.Errorf("dashboards: %w", err)
		}
		if v.Type == dashboard.VariableTypeConstant && v.Query != nil {
			hide := dashboard.VariableHideHideVariable
			v.Hide = &hide
			v.Current = &dashboard.VariableOption{
				Text: dashboard.StringOrArrayOfString{String: v.Query.String}, Value: dashboard.StringOrArrayOfString{String: v.Query.String},
			}
		}
		v.AutoMin, v.AutoCount, v.Auto = nil, nil, nil // of interval variables only
		out = append(out, v)
	}
	return out, nil
}
