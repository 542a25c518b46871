package adopt

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

// What Flagger's load tester is mostly told to run: curl, grpc_health_probe, hey. What is
// one plain command of these is understood; everything else stays where it is.

// unplain are the characters with which a shell does more than run one command.
const unplain = "|;&<>$`\\(){}'\"\n"

// testerCheck makes a check of a command that tries something once.
func testerCheck(command string) (r *row, by string, ok bool) {
	if r, ok := curlCheck(command); ok {
		return r, "curl", true
	}
	if r, ok := probeCheck(command); ok {
		return r, "grpc_health_probe", true
	}
	return nil, "", false
}

// probeCheck makes a check of a plain grpc_health_probe.
func probeCheck(command string) (*row, bool) {
	flags, rest, ok := plainCommand(command, "grpc_health_probe")
	if !ok || len(rest) > 0 {
		return nil, false
	}
	address, service := "", ""
	for _, f := range flags {
		switch f.name {
		case "addr":
			address = f.value
		case "service":
			service = f.value
		default: // TLS, timeouts and headers may matter
			return nil, false
		}
	}
	host, port, found := strings.Cut(address, ":")
	if n, err := strconv.Atoi(port); !found || err != nil || n < 1 || n > 65535 || !validName(host) || service != "" && !validName(service) {
		return nil, false
	}
	r := &row{}
	text := "{ address: " + quoteFlow(address)
	if service != "" {
		text += ", service: " + quoteFlow(service)
	}
	r.raw("grpc", text+" }")
	return r, true
}

// option is one of a command's.
type option struct{ name, value string }

// plainCommand splits one command without quotes into options, each with its value, and the
// rest. They have values: -c 2, or -c=2.
func plainCommand(command, name string) (flags []option, rest []string, ok bool) {
	words := strings.Fields(command)
	if len(words) < 2 || strings.ContainsAny(command, unplain) {
		return nil, nil, false
	}
	if base := words[0][strings.LastIndexByte(words[0], '/')+1:]; base != name {
		return nil, nil, false
	}
	for words = words[1:]; len(words) > 0; words = words[1:] {
		w := words[0]
		if !strings.HasPrefix(w, "-") {
			rest = append(rest, w)
			continue
		}
		key, value, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if !given {
			if len(words) < 2 {
				return nil, nil, false
			}
			value, words = words[1], words[1:]
		}
		flags = append(flags, option{key, value})
	}
	return flags, rest, true
}

// heyLoad makes of a plain hey what a load check would be: the same requests, at its rate,
// to both arms. It is for a person to decide, and so it is a comment: hey asked one
// address, and this asks the baseline, too.
func heyLoad(command string) (lines string, ok bool) {
	flags, rest, ok := plainCommand(command, "hey")
	if !ok || len(rest) != 1 || !plainURL(rest[0]) {
		return "", false
	}
	method, workers, each, lasts := "get", 50., 0., time.Duration(0)
	for _, f := range flags {
		var err error
		switch f.name {
		case "z":
			lasts, err = time.ParseDuration(f.value)
		case "q":
			each, err = strconv.ParseFloat(f.value, 64)
		case "c":
			workers, err = strconv.ParseFloat(f.value, 64)
		case "m":
			method = strings.ToLower(f.value)
		default:
			return "", false
		}
		if err != nil {
			return "", false
		}
	}
	rate := each * workers
	if method != "get" || !(rate >= checks.MinLoadRate) || math.IsInf(rate, 0) || lasts <= 0 {
		return "", false // as fast as it can, or something that writes
	}
	// A plan's load is bounded, and wants some hundred requests.
	rate = min(rate, checks.MaxLoadRate)
	lasts = min(max(lasts, time.Duration(600/rate*float64(time.Second))).Round(time.Second), 5*time.Minute)
	u, err := url.Parse(rest[0])
	if err != nil || rate*lasts.Seconds() < checks.MinLoadCompared || rate*lasts.Seconds() > checks.MaxLoadRequests/2 {
		return "", false
	}
	path := strings.TrimPrefix(rest[0], u.Scheme+"://"+u.Host)
	return fmt.Sprintf("  - name: load\n    load:\n      targets: [{ get: %s }]\n      hosts: [%s]  # and the baseline's\n      rate: %s\n      duration: %s",
		quoteFlow("{{ .Arm.URL }}"+path), quoteFlow(u.Hostname()), decimal(rate), short(lasts)), true
}
