package paper

import (
	"encoding/json"
	"fmt"
	"io"
)

// Write writes a study as text, json, markdown or html: JSON is the study itself, and all
// else the paper about it. What names the study in the error about another format.
func (p Paper) Write(w io.Writer, format, what string, study any) error {
	switch format {
	case "json":
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(study)
	case "markdown":
		return p.Markdown(w)
	case "html":
		return p.HTML(w)
	case "text":
		return p.Text(w)
	}
	return fmt.Errorf("%s cannot be written as %q; there are text, json, markdown and html", what, format)
}
