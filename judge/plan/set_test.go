package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func folder(texts map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range texts {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

func TestLoadSet(t *testing.T) {
	s, err := LoadSet(folder(map[string]string{
		"checkout.yaml":   "service: checkout\npreset: istio\n",
		"cart.yml":        "service: cart\nname: a-cart\npreset: http\n",
		"notes.txt":       "not a plan",
		"README.md":       "nor this",
		"sub/hidden.yaml": "service: [\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Names(), []string{"a-cart", "checkout"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLoadSetFaults ensures that the faults of all files come at once.
func TestLoadSetFaults(t *testing.T) {
	_, err := LoadSet(folder(map[string]string{
		"a.yaml": "service: checkout\npreset: istio\n",
		"b.yaml": "service: cart\nname: checkout\npreset: istio\n",
		"c.yaml": "service: checkout\npreset: istio\n",
		"d.yaml": "service: d\npreset: isto\n",
		"e.yaml": "service: [\n",
	}))
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want faults", err)
	}
	want := []string{
		`b.yaml:2:7: name: the plan of a.yaml is called "checkout" as well`,
		`c.yaml:1:10: service: the plan of `,
		"d.yaml:2:9: preset: no preset is called",
		"e.yaml:",
	}
	if len(faults) != len(want) {
		t.Fatalf("got %d faults, want %d:\n%v", len(faults), len(want), err)
	}
	for i, f := range faults {
		if !strings.HasPrefix(f.String(), want[i]) {
			t.Errorf("got %s, want %s…", f, want[i])
		}
	}
}

func TestNewSet(t *testing.T) {
	if _, err := NewSet(Plan{Name: "a"}, Plan{Name: "b"}, Plan{Name: "a"}); err == nil || !strings.Contains(err.Error(), `two plans are called "a"`) {
		t.Errorf("got %v, want that two plans have one name", err)
	}
	if _, err := NewSet(Plan{Service: "a"}); err == nil || !strings.Contains(err.Error(), "has no name") {
		t.Errorf("got %v, want that a plan has no name", err)
	}
	plans := []Plan{{Name: "b"}, {Name: "a"}}
	if _, err := NewSet(plans...); err != nil || plans[0].Name != "b" {
		t.Errorf("got %v and %v, want the caller's slice as it was", err, plans)
	}
}

func TestFind(t *testing.T) {
	s, err := NewSet(
		Plan{Name: "checkout", Service: "checkout"},
		Plan{Name: "checkout-eu", Service: "checkout", Namespace: "eu"},
		Plan{Name: "cart-a", Service: "cart"},
		Plan{Name: "cart-b", Service: "cart"},
		Plan{Name: "search-us", Service: "search", Namespace: "us"},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, namespace, service, want string }{
		{"cart-b", "", "", "cart-b"},
		{"cart-b", "eu", "checkout", "cart-b"},
		{"", "", "checkout", "checkout"},
		{"", "us", "checkout", "checkout"},
		{"", "eu", "checkout", "checkout-eu"},
		{"", "us", "search", "search-us"},
	} {
		if p, err := s.Find(c.name, c.namespace, c.service); err != nil || p.Name != c.want {
			t.Errorf("%+v: got %q, %v", c, p.Name, err)
		}
	}
	for _, c := range []struct{ name, namespace, service, want string }{
		{"chekout", "", "", `no plan "chekout"; did you mean checkout? Known plans: cart-a, cart-b, checkout, checkout-eu, search-us`},
		{"", "eu", "search", `no plan for service "eu/search"; known plans: cart-a`},
		{"", "", "", `no plan for service ""; known plans: cart-a`},
		{"", "eu", "cart", `service "eu/cart" has 2 plans (cart-a, cart-b); say which one by its name`},
	} {
		p, err := s.Find(c.name, c.namespace, c.service)
		var unknown *UnknownError
		if !errors.As(err, &unknown) || !strings.HasPrefix(err.Error(), c.want) || p.Name != "" {
			t.Errorf("%+v: got %q, %v", c, p.Name, err)
		}
	}
	var none Set
	if _, err := none.Find("a", "", ""); err == nil || !strings.Contains(err.Error(), "no plan is known") || len(none.Names()) != 0 {
		t.Errorf("zero set: got %v, want that no plan is known", err)
	}
}
