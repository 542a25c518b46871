package checks

import (
	"encoding/json"
	"fmt"
)

// FillDocument renders the templates in the texts of a document. The document itself
// is left as it is.
func FillDocument(name string, v any, t Target) (any, error) {
	switch v := v.(type) {
	case string:
		return Fill(name, v, t)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = FillDocument(name, v[i], t); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			var err error
			if out[k], err = FillDocument(name, v[k], t); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// FillJSON renders the templates in a document's texts and writes it as JSON; nil is {}.
func FillJSON(name string, v any, t Target) ([]byte, error) {
	if v == nil {
		return []byte("{}"), nil
	}
	filled, err := FillDocument(name, v, t)
	if err != nil {
		return nil, err
	}
	out, err := json.Marshal(filled)
	if err != nil {
		return nil, fmt.Errorf("its %s cannot be written as JSON: %w", name, err)
	}
	return out, nil
}
