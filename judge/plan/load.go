package plan

import "io/fs"

// Load reads one plan file. All faults are returned at once, as [Faults].
func Load(path string) (Plan, error) { panic("skeleton") }

// Parse reads one plan from text; file names it in faults.
func Parse(file string, text []byte) (Plan, error) { panic("skeleton") }

// Set is the plans that a server knows.
type Set struct{}

// LoadSet reads every *.yaml and *.yml file of a folder. Faults of all files are
// returned at once; names must be unique over them.
func LoadSet(dir fs.FS) (*Set, error) { panic("skeleton") }

// NewSet makes a set of plans that are loaded already.
func NewSet(plans ...Plan) (*Set, error) { panic("skeleton") }

// Names returns the plans' names, sorted.
func (s *Set) Names() []string { panic("skeleton") }

// Find returns the plan of a name; with an empty name, the plan whose Service (and
// Namespace, where it gives one) is this one's. The error names the known plans and
// is an [*UnknownError].
func (s *Set) Find(name, namespace, service string) (Plan, error) { panic("skeleton") }

// UnknownError is a plan that a Set does not have.
type UnknownError struct {
	Name, Namespace, Service string
	Known                    []string
}

// Error names the known plans.
func (e *UnknownError) Error() string { panic("skeleton") }

// Fault is one thing that is wrong with a plan file.
type Fault struct {
	File         string
	Line, Column int
	Path         string // field path: metrics[1].tolerance
	Text         string // what is wrong and what to write instead
}

// String writes file:line:column: path: text.
func (f Fault) String() string { panic("skeleton") }

// Faults is everything that is wrong with one or more plan files, in file order.
type Faults []Fault

// Error lists them, one a line.
func (fs Faults) Error() string { panic("skeleton") }

// Schema returns the JSON Schema of plan files, indented, byte-stable.
func Schema() ([]byte, error) { panic("skeleton") }
