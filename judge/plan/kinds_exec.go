package plan

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/serin-canary/serin/judge/checks"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// exec builds a command. That no server runs it is refused where a server reads its plans.
func (b *builder) exec(f execFile, path string) *checks.Exec {
	out := &checks.Exec{
		Command: f.Command, Env: f.Env, ExitCode: value(f.ExitCode, 0), Matches: value(f.Matches, ""), Within: b.within(f.Within, path),
	}
	if (len(f.Command) == 0 || f.Command[0] == "") && !b.faulty(path+".command") {
		b.at(path+".command", "names no program; write it with its arguments: [./smoke.sh, --fast]")
	}
	b.templates(path+".command", f.Command)
	for i, name := range f.Env {
		at := fmt.Sprintf("%s.env[%d]", path, i)
		switch {
		case !variableName.MatchString(name):
			b.at(at, "%q is no name of a variable; write its name alone, and set its value where serin is run", name)
		case slices.Contains(f.Env[:i], name):
			b.at(at, "%s is listed already; delete this line", name)
		}
	}
	b.expression(f.Matches, path+".matches")
	return out
}
