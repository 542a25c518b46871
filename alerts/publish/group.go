package publish

import (
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
