package app

import (
	"reflect"
	"testing"

	"github.com/serin-canary/serin/judge/checks"
)

// TestEveryKindHasARunner ensures that no plan loads whose check nobody can run.
func TestEveryKindHasARunner(t *testing.T) {
	all := runners(Guard, Datadog{})
	spec := reflect.TypeFor[checks.Spec]()
	n := 0
	for i := range spec.NumField() {
		f := spec.Field(i)
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		n++
		var s checks.Spec
		reflect.ValueOf(&s).Elem().Field(i).Set(reflect.New(f.Type.Elem()))
		if all[s.Kind()] == nil {
			t.Errorf("%s: got no runner of kind %q, want one", f.Name, s.Kind())
		}
	}
	if n != len(all) {
		t.Errorf("got %d kinds and %d runners, want as many", n, len(all))
	}
}
