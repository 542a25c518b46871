package dashboards

import (
	"fmt"
	"regexp"
	"slices"
)

func ruleUID() rule {
	legal := regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	return rule{
		name: "a board can be found again, and by whom it was written",
		find: func(b read) []string {
			var out []string
			if !legal.MatchString(b.UID) {
				out = append(out, fmt.Sprintf("%q is no UID that every Grafana takes", b.UID))
			}
			if b.Title == "" || len(b.Title) > 180 {
				out = append(out, "its title is empty or too long")
			}
			if !slices.Contains(b.Tags, Tag) {
				out = append(out, "nothing says that Serin wrote it")
			}
			return out
		},
		bites: map[string]bite{
			"long":     {func(b map[string]any) { b["uid"] = "serin-abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop" }, "no UID"},
			"untitled": {func(b map[string]any) { b["title"] = "" }, "title"},
			"untagged": {func(b map[string]any) { b["tags"] = []string{"x"} }, "Serin wrote it"},
		},
	}
}
