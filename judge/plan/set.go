package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Set is the plans that a server knows. The zero Set knows none.
type Set struct {
	plans []Plan // sorted by name
}

// LoadSet reads every *.yaml and *.yml file of a folder. Faults of all files are
// returned at once; names must be unique over them.
func LoadSet(dir fs.FS) (*Set, error) {
	files, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	var (
		faults Faults
		plans  []Plan
		from   = map[string]string{}
	)
	for _, f := range files {
		if ext := path.Ext(f.Name()); f.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		text, err := fs.ReadFile(dir, f.Name())
		if err != nil {
			return nil, fmt.Errorf("plans: %w", err)
		}
		p, b := parsePlan(f.Name(), text)
		if other, taken := from[p.Name]; taken && len(b.faults) == 0 {
			at := "name"
			if b.nodes[at] == nil {
				at = "service"
			}
			b.at(at, "the plan of %s is called %q as well; give one of them another name:", other, p.Name)
		}
		from[p.Name] = f.Name()
		faults = append(faults, b.faults...)
		plans = append(plans, p)
	}
	if len(faults) > 0 {
		return nil, faults.sorted()
	}
	return NewSet(plans...)
}

// NewSet makes a set of plans that are loaded already. Their names must be unique.
func NewSet(plans ...Plan) (*Set, error) {
	s := &Set{plans: slices.Clone(plans)}
	slices.SortStableFunc(s.plans, func(a, b Plan) int { return strings.Compare(a.Name, b.Name) })
	var errs []error
	for i, p := range s.plans {
		switch {
		case p.Name == "":
			errs = append(errs, fmt.Errorf("plans: a plan of service %q has no name; load it from a file, which gives it one", p.Service))
		case i > 0 && p.Name == s.plans[i-1].Name:
			errs = append(errs, fmt.Errorf("plans: two plans are called %q; give one of them another name", p.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Names returns the plans' names, sorted.
func (s *Set) Names() []string {
	names := make([]string, len(s.plans))
	for i, p := range s.plans {
		names[i] = p.Name
	}
	return names
}

// Find returns the plan of a name; with an empty name, the plan whose Service (and
// Namespace, where it gives one) is this one's. A plan that names the namespace is
// preferred to one that names none; where that leaves several, the caller must
// name one. The error names the known plans and is an [*UnknownError].
func (s *Set) Find(name, namespace, service string) (Plan, error) {
	unknown := &UnknownError{Name: name, Namespace: namespace, Service: service, Known: s.Names()}
	if name != "" {
		for _, p := range s.plans {
			if p.Name == name {
				return p, nil
			}
		}
		return Plan{}, unknown
	}
	var exact, general []Plan
	for _, p := range s.plans {
		switch {
		case service == "" || p.Service != service:
		case p.Namespace == "":
			general = append(general, p)
		case p.Namespace == namespace:
			exact = append(exact, p)
		}
	}
	found := exact
	if len(found) == 0 {
		found = general
	}
	if len(found) == 1 {
		return found[0], nil
	}
	for _, p := range found {
		unknown.Several = append(unknown.Several, p.Name)
	}
	return Plan{}, unknown
}

// UnknownError is a plan that a Set does not have.
type UnknownError struct {
	Name, Namespace, Service string
	Known                    []string
	// Several names the plans that would do, where there is more than one.
	Several []string
}

// Error names the known plans.
func (e *UnknownError) Error() string {
	service := e.Service
	if e.Namespace != "" {
		service = e.Namespace + "/" + e.Service
	}
	switch {
	case len(e.Several) > 0:
		return fmt.Sprintf("service %q has %d plans (%s); say which one by its name", service, len(e.Several), strings.Join(e.Several, ", "))
	case len(e.Known) == 0:
		return "no plan is known; give the server a folder of plan files"
	case e.Name != "":
		if near := nearestOnly(e.Name, e.Known); near != "" {
			return fmt.Sprintf("no plan %q%s Known plans: %s", e.Name, near, strings.Join(e.Known, ", "))
		}
		return fmt.Sprintf("no plan %q; known plans: %s", e.Name, strings.Join(e.Known, ", "))
	}
	return fmt.Sprintf("no plan for service %q; known plans: %s", service, strings.Join(e.Known, ", "))
}
