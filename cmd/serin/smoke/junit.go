package smoke

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge/checks"
)

// The elements of JUnit XML, in the order and with the attributes of the schema of
// Ant's JUnit tasks (github.com/windyroad/JUnit-Schema, JUnit.xsd), which Jenkins'
// and others' contain.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string          `xml:"name,attr"`
		Package   string          `xml:"package,attr"`
		ID        int             `xml:"id,attr"`
		Hostname  string          `xml:"hostname,attr"`
		Timestamp string          `xml:"timestamp,attr"`
		Tests     int             `xml:"tests,attr"`
		Failures  int             `xml:"failures,attr"`
		Errors    int             `xml:"errors,attr"`
		Skipped   int             `xml:"skipped,attr"`
		Time      string          `xml:"time,attr"`
		Facts     []junitProperty `xml:"properties>property"`
		Cases     []junitCase     `xml:"testcase"`
		Out       string          `xml:"system-out"`
		Err       string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		Time    string      `xml:"time,attr"`
		Skipped *junitSkip  `xml:"skipped"`
		Error   *junitFault `xml:"error"`
		Failure *junitFault `xml:"failure"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the report as JUnit XML, which CI systems show. What failed is a
// failure; what could not be run, or fails on both arms, is an error. What did not pass
// and is not required is skipped, with the reason: the schema knows no warning.
func (r Report) JUnit(w io.Writer, hostname string) error {
	if strings.TrimSpace(hostname) == "" {
		hostname = "localhost"
	}
	s := junitSuite{
		Name: plain(r.Plan), Package: "serin." + plain(r.Service), Hostname: plain(hostname),
		Timestamp: r.Began.UTC().Format("2006-01-02T15:04:05"), Time: seconds(r.Took), Tests: len(r.Checks),
		Facts: []junitProperty{{"target", plain(r.Target)}, {"baseline", plain(r.Baseline)}},
		Out:   plain(r.Sentence()),
	}
	for _, e := range r.Checks {
		c := junitCase{Name: plain(e.Name), Class: "serin." + plain(r.Service), Time: seconds(e.Result.Took)}
		reason := plain(e.Result.Reason)
		fault := &junitFault{Message: reason, Text: fmt.Sprintf("%s\nkind %s, run %s, attempts %d", reason, e.Kind, e.When, e.Result.Attempts)}
		switch {
		case e.Result.Status == checks.Passed:
		case !e.Counts:
			c.Skipped = &junitSkip{Message: fmt.Sprintf("not required, and %s: %s", e.Result.Status, reason)}
			s.Skipped++
		case e.Result.Status == checks.Failed:
			fault.Type, c.Failure = "failed", fault
			s.Failures++
		default: // could not be run, or fails on both arms: not the canary's failure
			fault.Type, c.Error = string(e.Result.Status), fault
			s.Errors++
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func seconds(d time.Duration) string { return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 3, 64) }

// plain makes one line of a text, of characters that XML may have, and never none.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, r < ' ', r == 0xFFFE, r == 0xFFFF, r > 0x7e && r < 0xa0:
			return ' '
		}
		return r
	}, s)
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "none"
	}
	return s
}
