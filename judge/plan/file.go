package plan

// The types of a plan file, as it is written. The keys, lists of words, ranges and
// descriptions in their tags make both the decoder and the JSON Schema. Everything
// is a pointer or nil-able, because what is left out gets a default or a preset's value.

// file is a plan file.
type file struct {
	Service   *string `yaml:"service" jsonschema:"required" jsonschema_description:"The service that the plan judges."`
	Name      *string `yaml:"name" jsonschema_description:"The plan's name, unique among a server's plans. Default: the service's."`
	Namespace *string `yaml:"namespace" jsonschema_description:"The service's namespace, where plans are told apart by it."`
	Source    *string `yaml:"source" jsonschema_description:"The metrics source's name in the server's configuration. Default: prometheus."`
	Language  *string `yaml:"language" jsonschema:"enum=promql,enum=datadog,enum=cloudwatch,enum=http-json" jsonschema_description:"The language of the plan's queries, which is that of its source. Default: promql."`

	Preset  presetNames  `yaml:"preset" jsonschema_description:"One or more families of ready metrics and limits, which the plan's own refine."`
	Profile *string      `yaml:"profile" jsonschema:"enum=default,enum=strict" jsonschema_description:"Which margins are the default: default (50%) or strict (25%)."`
	Arms    *armsFile    `yaml:"arms" jsonschema_description:"Facts about the arms that override what the caller says."`
	Select  *string      `yaml:"selector" jsonschema_description:"PromQL matchers that narrow queries to one arm, for metrics and limits that have none of their own, their preset's included."`
	Metrics []metricFile `yaml:"metrics" jsonschema_description:"The questions put to both arms."`
	Limits  []limitFile  `yaml:"limits" jsonschema_description:"Bounds outside the statistics: crossing one rolls back."`
	Checks  []checkFile  `yaml:"checks" jsonschema_description:"Probes that pass or fail."`

	Mode       *string `yaml:"mode" jsonschema:"enum=enforce,enum=shadow" jsonschema_description:"enforce (default), or shadow: judges, draws and records, and never blocks or rolls back."`
	Comparison *string `yaml:"comparison" jsonschema:"enum=concurrent,enum=checks,enum=before-after" jsonschema_description:"How the arms share time. Default: as the caller's controller implies."`

	Block        *durationText `yaml:"block" jsonschema_description:"Length of a block, from 1s to 1h. Default: 60s."`
	Lag          *durationText `yaml:"lag" jsonschema_description:"How long after its end a block is taken as closed. Default: 30s; of cloudwatch 3m, of datadog 2m."`
	PrePeriod    *durationText `yaml:"prePeriod" jsonschema_description:"Time before the start from which dispersion is learnt. Default: 60 blocks."`
	Warmup       *warmupText   `yaml:"warmup" jsonschema_description:"What is ignored of a young process: a duration, or for, requests and atMost. Default: until it has run 3m and served 300 requests, at most 10m."`
	MinDuration  *durationText `yaml:"minDuration" jsonschema_description:"No promotion before. Default: minBlocks blocks."`
	MaxDuration  *durationText `yaml:"maxDuration" jsonschema_description:"The deadline. Default: 60m."`
	HoldFor      *durationText `yaml:"holdFor" jsonschema_description:"How long a rollout is held past the deadline before it is rolled back. Default: 4h."`
	MinBlocks    *int          `yaml:"minBlocks" jsonschema:"minimum=1,maximum=10080" jsonschema_description:"Blocks with data of both arms, after warm-up, before promotion. Default: 10."`
	FinalBlocks  *int          `yaml:"finalBlocks" jsonschema:"minimum=0,maximum=10080" jsonschema_description:"Of them at the highest weight. Default: 5, or minBlocks where that is less."`
	MinRequests  *int          `yaml:"minRequests" jsonschema:"minimum=0,maximum=1000000000" jsonschema_description:"Canary requests in them. Default: 500."`
	NoDataBlocks *int          `yaml:"noDataBlocks" jsonschema:"minimum=1,maximum=10080" jsonschema_description:"After how many blocks without fresh evidence noData applies. Default: 3."`

	Alpha *probabilityText `yaml:"alpha" jsonschema_description:"Probability of a false rollback, per rollout, over all metrics and looks. Default: 0.05."`
	Beta  *probabilityText `yaml:"beta" jsonschema_description:"Probability of a false promote at the margin, per rollout. Default: 0.05."`

	Sequential *sequentialFile `yaml:"sequential" jsonschema_description:"How evidence is turned into proof."`

	AtDeadline *string `yaml:"atDeadline" jsonschema:"enum=hold,enum=promote,enum=rollback" jsonschema_description:"What callers are told where the deadline comes before proof. Default: hold."`
	NoData     *string `yaml:"noData" jsonschema:"enum=hold,enum=rollback" jsonschema_description:"What follows from noDataBlocks blocks without evidence. Default: hold."`
	OnShared   *string `yaml:"onShared" jsonschema:"enum=hold,enum=rollback" jsonschema_description:"What follows where both arms degrade at a step of the rollout. Default: hold."`
	Advance    *string `yaml:"advance" jsonschema:"enum=unless-harm,enum=when-proven" jsonschema_description:"When traffic may be increased. Default: unless-harm."`
	LowTraffic *string `yaml:"lowTraffic" jsonschema:"enum=hold,enum=load,enum=longer" jsonschema_description:"What to do where no verdict is reachable with this traffic. Default: hold."`
	Reversible *bool   `yaml:"reversible" jsonschema_description:"false turns every rollback into a hold that pages (a contract migration). Default: true."`
	Guarantee  *string `yaml:"guarantee" jsonschema:"enum=all_pods,enum=these_pods" jsonschema_description:"Whether the promise speaks of pods like these (default) or of the present canary pods only."`

	DependsOn []string `yaml:"dependsOn" jsonschema_description:"Services whose own rollouts may disturb this one; a live one holds."`

	Alertmanager []alertFile `yaml:"alertmanager" jsonschema_description:"Alerts of others that count while the rollout lasts, as an Alertmanager sends them."`

	Dashboard *publishingFile `yaml:"dashboard" jsonschema_description:"Where each rollout's dashboard goes."`
	Alerts    *publishingFile `yaml:"alerts" jsonschema_description:"Where each rollout's alert rules go."`
}

type sequentialFile struct {
	Mode       *string `yaml:"mode" jsonschema:"enum=anytime,enum=horizon" jsonschema_description:"anytime (default): any number of looks; horizon: none for harm after maxDuration, with a lower threshold."`
	Dispersion *string `yaml:"dispersion" jsonschema:"enum=estimated,enum=exact" jsonschema_description:"estimated (default): noise is measured and allowed for; exact: requests are taken to fail independently, and nothing is estimated."`
}

type armsFile struct {
	Baseline *armFile `yaml:"baseline" jsonschema_description:"The reference arm."`
	Canary   *armFile `yaml:"canary" jsonschema_description:"The arm on trial."`
}

type armFile struct {
	Namespace  *string           `yaml:"namespace" jsonschema_description:"Namespace of its pods."`
	Workload   *string           `yaml:"workload" jsonschema_description:"Name of its workload: a Deployment, mostly."`
	PodPattern *string           `yaml:"podPattern" jsonschema_description:"Regular expression that its pods' whole names match."`
	Hash       *string           `yaml:"hash" jsonschema_description:"Pod template hash."`
	Version    *string           `yaml:"version" jsonschema_description:"Version, as its series are labelled."`
	URL        *string           `yaml:"url" jsonschema_description:"Where checks reach it."`
	Labels     map[string]string `yaml:"labels" jsonschema_description:"Labels that its series have and the other arm's have not."`
}

type metricFile struct {
	Name        *string       `yaml:"name" jsonschema:"required" jsonschema_description:"Its name, unique in the plan. A preset's metric of this name is refined field by field."`
	Kind        *string       `yaml:"kind" jsonschema:"enum=errors,enum=proportion,enum=latency,enum=rate,enum=gauge" jsonschema_description:"How its numbers are compared. Default: what the query can be read as."`
	Query       *string       `yaml:"query" jsonschema_description:"PromQL, without its arms."`
	Select      *string       `yaml:"selector" jsonschema_description:"PromQL matchers that narrow the query to one arm; values are templates: pod=~\"{{ .PodPattern }}\"."`
	Of          *string       `yaml:"of" jsonschema_description:"The metric whose requests this counter is divided by (CPU per request)."`
	Worse       *string       `yaml:"worse" jsonschema:"enum=higher,enum=lower,enum=either" jsonschema_description:"Which way is worse. Default: higher; a rate: either."`
	Tolerance   *marginText   `yaml:"tolerance" jsonschema_description:"The worsening that does not matter: 10% + 0.05pp."`
	Margin      *marginText   `yaml:"margin" jsonschema_description:"The worsening that promotion must exclude; larger than the tolerance."`
	Objective   *quantityText `yaml:"objective" jsonschema_description:"The share of good events that users were promised over 30 days: 99.9%. Alerts then watch how much of the error budget the rollout burns. Errors only."`
	Weight      *float64      `yaml:"weight" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Relative share of the error budget; 0 is shown only."`
	Critical    *bool         `yaml:"critical" jsonschema_description:"Takes most of the error budget. Default: false."`
	Required    *bool         `yaml:"required" jsonschema_description:"Promotion needs it proven. Default: true for errors and latency."`
	Dispersion  *string       `yaml:"dispersion" jsonschema:"enum=estimated,enum=exact" jsonschema_description:"Whether its noise is estimated, or its requests are taken to fail independently. Default: the plan's."`
	Unit        *string       `yaml:"unit" jsonschema_description:"Unit of the query's values: s, ms, bytes, percent, ..."`
	Block       *durationText `yaml:"block" jsonschema_description:"A block of its own, a multiple of the plan's."`
	Title       *string       `yaml:"title" jsonschema_description:"For people."`
	Description *string       `yaml:"description" jsonschema_description:"For people."`
	Enabled     *bool         `yaml:"enabled" jsonschema_description:"false drops it; for a preset's metric."`
}

type limitFile struct {
	Name     *string       `yaml:"name" jsonschema:"required" jsonschema_description:"Its name, unique among the limits. A preset's limit of this name is refined field by field."`
	Metric   *string       `yaml:"metric" jsonschema_description:"The metric that is bounded; else give query."`
	Query    *string       `yaml:"query" jsonschema_description:"PromQL, without its arm: a value that is asked of the canary."`
	Select   *string       `yaml:"selector" jsonschema_description:"PromQL matchers that narrow the query to the canary; values are templates."`
	Above    *quantityText `yaml:"above" jsonschema_description:"Crossed when the value is above: 25%, 300ms, 2."`
	Below    *quantityText `yaml:"below" jsonschema_description:"Crossed when the value is below."`
	Blocks   *int          `yaml:"blocks" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"In how many blocks. Default: 2; with growth 1."`
	Each     *bool         `yaml:"each" jsonschema_description:"One process suffices. Default: false, the canary as a whole."`
	Growth   *bool         `yaml:"growth" jsonschema_description:"The value is a running total whose growth since the start of the rollout is bounded; a fall begins anew, and a process that appears later counts from 0. Default: false."`
	Fraction *bool         `yaml:"fraction" jsonschema_description:"The value is compared with the largest that the canary has shown so far in the rollout. Default: false."`
	Unit     *string       `yaml:"unit" jsonschema_description:"Unit of the query's values. Default: the metric's."`
	Title    *string       `yaml:"title" jsonschema_description:"For people."`
	Enabled  *bool         `yaml:"enabled" jsonschema_description:"false drops it; for a preset's limit."`
}

type checkFile struct {
	Name     *string       `yaml:"name" jsonschema:"required" jsonschema_description:"Its name, unique among the checks."`
	When     *string       `yaml:"when" jsonschema:"enum=before-traffic,enum=each-look,enum=at-end" jsonschema_description:"When it is run. Default: each-look."`
	Required *bool         `yaml:"required" jsonschema_description:"It must have passed before promotion. Default: true."`
	Critical *bool         `yaml:"critical" jsonschema_description:"It rolls back when it fails. Default: false."`
	Retries  *int          `yaml:"retries" jsonschema:"minimum=0,maximum=10" jsonschema_description:"How often a failed attempt is repeated. Default: 1."`
	Arms     *string       `yaml:"arms" jsonschema:"enum=canary,enum=both" jsonschema_description:"Where it is run: the canary, or both arms at once, which its texts call .Arm. Default: canary."`
	Repeat   *int          `yaml:"repeat" jsonschema:"minimum=1,maximum=100" jsonschema_description:"How many runs in a row must pass. Default: 1."`
	Total    *durationText `yaml:"total" jsonschema_description:"Longest time of all runs and attempts together. Default: the look's."`
	HTTP     *httpFile     `yaml:"http" jsonschema_description:"A request and what its answer must be."`
	TCP      *tcpFile      `yaml:"tcp" jsonschema_description:"A connection that must be accepted."`
	DNS      *dnsFile      `yaml:"dns" jsonschema_description:"A question to a resolver and what its answer must hold."`
	TLS      *tlsFile      `yaml:"tls" jsonschema_description:"A TLS handshake and what must be true of the certificate."`
	Load     *loadFile     `yaml:"load" jsonschema_description:"Synthetic load on both arms, which are compared by what they answer."`
	GRPC     *grpcFile     `yaml:"grpc" jsonschema_description:"A call of a gRPC server's health service, or of a unary method."`

	Journey *journeyFile `yaml:"journey" jsonschema_description:"Requests in an order, each with what earlier ones answered."`

	WebSocket *webSocketFile `yaml:"websocket" jsonschema_description:"A WebSocket that is opened, greeted and closed."`

	Prometheus *prometheusFile `yaml:"prometheus" jsonschema_description:"A query to the plan's source and what its values must be."`
	Logs       *logsFile       `yaml:"logs" jsonschema_description:"Lines of logs that must not be there, or only few."`
	Exec       *execFile       `yaml:"exec" jsonschema_description:"A command on the machine of whoever runs serin check run --allow-exec. No server runs it."`

	Synthetics  *syntheticsFile  `yaml:"synthetics" jsonschema_description:"Tests of Datadog Synthetics, run by Datadog against the canary."`
	DatadogGate *datadogGateFile `yaml:"datadogGate" jsonschema_description:"An evaluation of Datadog's Deployment Gates: of monitors, of faulty deployments, or of a gate that is configured there."`
}

type tcpFile struct {
	Address *string       `yaml:"address" jsonschema:"required" jsonschema_description:"host:port, or a URL of which host and port are taken; a template."`
	Banner  *string       `yaml:"banner" jsonschema_description:"A regular expression that must match the first 4 KiB that the server says."`
	TLS     *bool         `yaml:"tls" jsonschema_description:"A TLS handshake comes first, with a certificate that verifies. Default: false."`
	Within  *durationText `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type dnsFile struct {
	Name     *string       `yaml:"name" jsonschema:"required" jsonschema_description:"The name that is asked for; a template."`
	Type     *string       `yaml:"type" jsonschema:"enum=A,enum=AAAA,enum=CNAME,enum=TXT" jsonschema_description:"Which records. Default: A."`
	Resolver *string       `yaml:"resolver" jsonschema_description:"host:port of the resolver. Default: the system's."`
	Want     []string      `yaml:"want" jsonschema_description:"All answers, in any order; templates."`
	AtLeast  *int          `yaml:"atLeast" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Fewest answers. Default: 1."`
	Within   *durationText `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type tlsFile struct {
	Address    *string       `yaml:"address" jsonschema:"required" jsonschema_description:"host:port, or a URL of which host and port are taken; a template."`
	ServerName *string       `yaml:"serverName" jsonschema_description:"The name that is asked for and verified; a template. Default: the address's host."`
	Names      []string      `yaml:"names" jsonschema_description:"Host names that the certificate must cover; templates."`
	DaysLeft   *int          `yaml:"daysLeft" jsonschema:"minimum=0,maximum=3650" jsonschema_description:"Days that the certificate and its chain must still last."`
	MinVersion *string       `yaml:"minVersion" jsonschema:"enum=1.2,enum=1.3" jsonschema_description:"Oldest version that passes. Default: 1.2."`
	Within     *durationText `yaml:"within" jsonschema_description:"Longest time of an attempt."`
}

type httpFile struct {
	Get     *string           `yaml:"get" jsonschema_description:"The URL to GET; a template: {{ .Canary.URL }}/health."`
	Head    *string           `yaml:"head" jsonschema_description:"The URL to HEAD."`
	Post    *string           `yaml:"post" jsonschema_description:"The URL to POST to."`
	Put     *string           `yaml:"put" jsonschema_description:"The URL to PUT to."`
	Patch   *string           `yaml:"patch" jsonschema_description:"The URL to PATCH."`
	Delete  *string           `yaml:"delete" jsonschema_description:"The URL to DELETE."`
	Method  *string           `yaml:"method" jsonschema_description:"Any other method, with url."`
	URL     *string           `yaml:"url" jsonschema_description:"The URL, with method."`
	Headers map[string]string `yaml:"headers" jsonschema_description:"Headers to send; values are templates."`
	Body    *string           `yaml:"body" jsonschema_description:"Body to send; a template."`
	Form    map[string]string `yaml:"form" jsonschema_description:"Form fields to send in place of a body; values are templates."`
	Follow  *redirectsText    `yaml:"redirects" jsonschema_description:"How many redirects are followed, to the same host only: follow (3), never, or a number. Default: follow."`
	Assert  []string          `yaml:"assert" jsonschema_description:"Expressions over status, headers, body, json, latency, tls and proto that must all be true."`
	Status  statusCodes       `yaml:"status" jsonschema_description:"The status code or codes that pass. Default: 200."`
	JSON    *document         `yaml:"json" jsonschema_description:"What the answer's JSON must contain: objects by their named members, everything else by equality."`
	Within  *durationText     `yaml:"within" jsonschema_description:"Longest time to the answer's last byte."`
}

type publishingFile struct {
	Enabled *bool         `yaml:"enabled" jsonschema_description:"Default: true."`
	Folder  *string       `yaml:"folder" jsonschema_description:"Folder or namespace. Default: the server's."`
	Retire  *string       `yaml:"retire" jsonschema:"enum=archive,enum=delete" jsonschema_description:"What becomes of it at the rollout's end. Default: archive."`
	Keep    *durationText `yaml:"keep" jsonschema_description:"How long an archived one is kept. Default: the server's setting."`
}
