package checks

import (
	"context"
	"reflect"
	"strings"
)

// KindNames returns the names of all kinds that a [Spec] knows, in the order of its
// fields.
func KindNames() []string {
	var names []string
	spec := reflect.TypeFor[Spec]()
	for i := range spec.NumField() {
		if f := spec.Field(i); f.Type.Kind() == reflect.Pointer {
			names = append(names, kindName(f))
		}
	}
	return names
}

// Given returns the names of the kinds that are set, in the order of the fields.
func (s Spec) Given() []string {
	var names []string
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			names = append(names, kindName(v.Type().Field(i)))
		}
	}
	return names
}

// Kind returns the name of the kind that is set, or "" where none is or more than one.
func (s Spec) Kind() string {
	if given := s.Given(); len(given) == 1 {
		return given[0]
	}
	return ""
}

func kindName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// Kinds runs each check by the runner of its kind, on the arms and as often as it says.
// A kind without a runner is [Broken], and says so.
type Kinds map[string]Runner

// Run runs a check in the time that it has. What panics, or does not end when its time
// is over, is broken. No text of the result shows a secret that the run used.
func (k Kinds) Run(ctx context.Context, s Spec, t Target) Result {
	r, ok := k[s.Kind()]
	if !ok {
		return Result{Name: s.Name, Status: Broken, Reason: "no runner for checks of kind " + quoteKind(s.Kind())}
	}
	t.veil = &Veil{}
	result := course{r, s}.run(ctx, t)
	t.veil.hideAll(&result)
	return result
}

func quoteKind(k string) string {
	if k == "" {
		return "(none)"
	}
	return k
}
