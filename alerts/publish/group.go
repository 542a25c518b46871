package publish

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/serin-canary/serin/alerts"
)

// GroupJSON writes a set as the provisioning API of Grafana takes it, for
// PUT /api/v1/provisioning/folder/FOLDER/rule-groups/NAME. Folder is the UID of the
// folder, source that of the data source.
func GroupJSON(s alerts.Set, folder, source string) ([]byte, error) {
	if folder == "" || source == "" {
		return nil, fmt.Errorf("alerts: rules of Grafana's need the UID of a folder and of a data source")
	}
	group, err := (&Grafana{folder: folder, source: source}).group(s)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(group, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	return append(text, '\n'), nil
}

// GroupsYAML writes a set as the ruler's API of Mimir takes it: one group, or as many
// YAML documents as there are groups, of which the API takes one at a time.
func GroupsYAML(s alerts.Set) ([]byte, error) {
	groups, err := split(s)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, g := range groups {
		text, err := g.GroupYAML()
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return bytes.Join(all, []byte("---\n")), nil
}
