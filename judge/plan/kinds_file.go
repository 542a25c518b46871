package plan

// The types of the kinds of checks that speak a protocol of their own, as a plan file
// writes them.

type grpcFile struct {
	Address    *string           `yaml:"address" jsonschema:"required" jsonschema_description:"host:port, or a URL of which host and port are taken; a template. https:// means TLS."`
	TLS        *bool             `yaml:"tls" jsonschema_description:"The call goes over TLS, with a certificate that verifies. Default: as the address says."`
	ServerName *string           `yaml:"serverName" jsonschema_description:"The name that is asked for and verified over TLS; a template. Default: the address's host."`
	Service    *string           `yaml:"service" jsonschema_description:"The service whose health is asked for; a template. Default: the server as a whole."`
	Status     *string           `yaml:"status" jsonschema:"enum=SERVING,enum=NOT_SERVING,enum=UNKNOWN" jsonschema_description:"The health that passes. Default: SERVING."`
	Method     *string           `yaml:"method" jsonschema_description:"A unary method to call in place of the health service: shop.Orders/Get. The server tells its types by reflection."`
	Request    *document         `yaml:"request" jsonschema_description:"The method's message as JSON; texts in it are templates. Default: an empty one."`
	Code       *string           `yaml:"code" jsonschema:"enum=OK,enum=CANCELLED,enum=UNKNOWN,enum=INVALID_ARGUMENT,enum=DEADLINE_EXCEEDED,enum=NOT_FOUND,enum=ALREADY_EXISTS,enum=PERMISSION_DENIED,enum=RESOURCE_EXHAUSTED,enum=FAILED_PRECONDITION,enum=ABORTED,enum=OUT_OF_RANGE,enum=UNIMPLEMENTED,enum=INTERNAL,enum=UNAVAILABLE,enum=DATA_LOSS,enum=UNAUTHENTICATED" jsonschema_description:"How the call must end. Default: OK."`
	Assert     []string          `yaml:"assert" jsonschema_description:"Expressions over json, code and latency that must all be true of the method's answer."`
	Metadata   map[string]string `yaml:"metadata" jsonschema_description:"Metadata to send; values are templates."`
	Within     *durationText     `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type webSocketFile struct {
	URL         *string           `yaml:"url" jsonschema:"required" jsonschema_description:"Begins with ws, wss, http or https; a template: {{ .Canary.URL }}/ws."`
	Headers     map[string]string `yaml:"headers" jsonschema_description:"Headers to send; values are templates."`
	Subprotocol *string           `yaml:"subprotocol" jsonschema_description:"The subprotocol that is asked for and must be chosen."`
	Send        *string           `yaml:"send" jsonschema_description:"A text message that is sent first; a template."`
	Text        *string           `yaml:"text" jsonschema_description:"What a message must be, in full; a template."`
	Matches     *string           `yaml:"matches" jsonschema_description:"A regular expression that a message must match."`
	Assert      []string          `yaml:"assert" jsonschema_description:"Expressions over body, json and latency that must all be true of a message."`
	Within      *durationText     `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type prometheusFile struct {
	Query  *string       `yaml:"query" jsonschema:"required" jsonschema_description:"PromQL for the plan's source; a template, whose facts stand in quotes: up{pod=~\"{{ .Canary.Workload }}.*\"}."`
	Expect *string       `yaml:"expect" jsonschema_description:"What each value must be, in short: > 0."`
	Assert []string      `yaml:"assert" jsonschema_description:"Expressions over value (of each series), values and count that must all be true."`
	Any    *bool         `yaml:"any" jsonschema_description:"One series suffices. Default: false, all must be as they must."`
	Within *durationText `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type logsFile struct {
	Loki    *string           `yaml:"loki" jsonschema_description:"Base URL of a Loki; a template."`
	Query   *string           `yaml:"query" jsonschema_description:"LogQL query whose lines are counted; a template: {app=\"{{ .Service }}\"} |= \"error\"."`
	Since   *durationText     `yaml:"since" jsonschema_description:"How far back Loki is asked, up to 24h. Default: 5m."`
	URL     *string           `yaml:"url" jsonschema_description:"A text over HTTP in the place of a Loki; a template."`
	Pattern *string           `yaml:"pattern" jsonschema_description:"Regular expression: each line of the text that matches is counted."`
	Max     *int              `yaml:"max" jsonschema:"minimum=0,maximum=1000" jsonschema_description:"How many lines may be counted. Default: 0."`
	Quiet   *bool             `yaml:"quiet" jsonschema_description:"Passes also where there are no lines at all. Default: false."`
	Headers map[string]string `yaml:"headers" jsonschema_description:"Headers to send (X-Scope-OrgID); values are templates."`
	Within  *durationText     `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type execFile struct {
	Command  []string      `yaml:"command" jsonschema:"required" jsonschema_description:"The program and its arguments, with no shell between; templates. Only serin check run --allow-exec runs it."`
	Env      []string      `yaml:"env" jsonschema_description:"Names of the environment variables that it sees beside PATH."`
	ExitCode *int          `yaml:"exitCode" jsonschema:"minimum=0,maximum=255" jsonschema_description:"The exit code that passes. Default: 0."`
	Matches  *string       `yaml:"matches" jsonschema_description:"A regular expression that the first 64 KiB of what it writes must match."`
	Within   *durationText `yaml:"within" jsonschema_description:"Longest time of an attempt; then it is killed with its process group."`
}
