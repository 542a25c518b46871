package dashboards

func ruleReadOnly() rule {
	return rule{
		name: "a board is not edited by hand, since the next writing would lose it",
		find: func(b read) []string {
			if b.Editable == nil || *b.Editable {
				return []string{"it can be edited"}
			}
			return nil
		},
		bites: map[string]bite{
			"editable":    {func(b map[string]any) { b["editable"] = true }, "edited"},
			"by omission": {func(b map[string]any) { delete(b, "editable") }, "edited"},
		},
	}
}
