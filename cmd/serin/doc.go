// Command serin judges canaries. It compares the canary with its baseline and
// answers promote, rollback, continue or inconclusive, with evidence.
//
// See two rollouts in two minutes; nothing else is needed:
//
//	serin demo
//
// Answer Flagger, Argo Rollouts and scripts over HTTP, by the plans in a folder:
//
//	serin serve --plans ./plans --prometheus http://localhost:9090
//
// Judge once, or until there is a verdict, from the command line. The exit code is
// 0 for promote, 3 for rollback, 4 where nothing is proven, 5 where it was interrupted
// before that, and 1 where no verdict could be formed:
//
//	serin judge --plan checkout.yaml --prometheus http://localhost:9090 --watch
//
// Or ask a server from a pipeline; the exit codes are the same:
//
//	serin ask --server https://serin.example.org --service checkout --revision v2 --wait 30m
//
// # Plans
//
// A plan says what is judged. The examples below are run by this command's tests,
// in the folder testdata/doc. A plan that can be used is shown as it was read:
//
//	$ serin plan check checkout.yaml
//	plan checkout: service checkout, source prometheus, blocks of 1m, 10m to 1h
//
//	METRIC   KIND     READ AS    WORSE   TOLERANCE     MARGIN       WEIGHT  TO PROMOTE
//	errors   errors   ratio      higher  10% + 0.05pp  50% + 0.5pp  0.5     required
//	latency  latency  histogram  higher  10%           50%          0.5     required
//	queue    gauge    gauge      higher  10%           50%          0       shown
//
//	queue is compared as a plain value, not as counts: queue_length is read as a value, not by its growth (rate or increase).
//
//	How small a regression it finds depends on traffic, pods and noise: add --prometheus URL, --config FILE, or --rps and --pods.
//
// A plan that cannot is refused with every fault at once:
//
//	$ serin plan check broken.yaml
//	broken.yaml:5:95: metrics[0].query: is not PromQL: unclosed left parenthesis
//	broken.yaml:6:5: metrics[0].tolerence: unknown key "tolerence"; did you mean tolerance?
//	broken.yaml:10:13: metrics[1].margin: the margin 10% is not above the tolerance, 50%, at every level of the baseline, so promotion could not be proven; write for example margin: 100%
//
// Editors check and complete plans by the JSON Schema:
//
//	serin plan schema > plan.schema.json
//
// # Configuration
//
// A server needs no configuration file; where there is one, it is read as strictly
// as plans are:
//
//	$ serin serve --config serin.yaml
//	serin.yaml:1:9: listen: 0.0.0.0:8080 can be reached from other machines, and there is no token to ask them for; name a token file (tokenFiles, --token-file), or listen on 127.0.0.1
//	serin.yaml:5:24: sources[0].prometheus.url: "localhost:9090" is not a URL; write for example http://prometheus:9090
//	serin.yaml:7:5: sources[1].scrape.targets: there is nothing to scrape; list at least one {url: …, labels: {…}}
//	serin.yaml:7:25: sources[1].scrape.interval: a duration such as 15s is needed here, not "often"
//	serin.yaml:7:32: sources[1].scrape.targetts: unknown key "targetts"; see serin serve --help for what there is
//
// Without tokens a server listens on this machine only:
//
//	$ serin serve --listen 0.0.0.0:8080 --prometheus http://localhost:9090
//	serin: listen: 0.0.0.0:8080 can be reached from other machines, and there is no token to ask them for; name a token file (tokenFiles, --token-file), or listen on 127.0.0.1
package main
