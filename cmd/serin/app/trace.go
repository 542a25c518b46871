package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/webhooks"
)

// Trace configures OpenTelemetry traces, which are off unless an endpoint is given:
// a span for each request, for the look in it, and for each query of the look.
type Trace struct {
	// Endpoint is the URL of an OTLP collector over HTTP, for example
	// http://otel-collector:4318.
	Endpoint string `yaml:"endpoint"`
	// Ratio is the share of the traces to keep where the caller has not decided,
	// from 0 to 1; without it all of them.
	Ratio *float64 `yaml:"ratio"`
}

func (t Trace) check(fault func(path, format string, args ...any)) {
	if t.Endpoint != "" && !webURL(t.Endpoint) {
		fault("trace.endpoint", "%q is not a URL; write for example http://otel-collector:4318", redact(t.Endpoint))
	}
	if strings.Contains(t.Endpoint, "@") {
		fault("trace.endpoint", "the URL must not hold a password; let the collector listen where only Serin reaches it")
	}
	if t.Ratio != nil && (*t.Ratio < 0 || *t.Ratio > 1) {
		fault("trace.ratio", "%g is not a share; write a number from 0 to 1", *t.Ratio)
	}
}

// tracing makes spans. A nil tracing makes none and costs nothing.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// newTracing returns nil where traces are off. Spans that cannot be delivered are
// dropped, which the log says; they never hold an answer up.
func newTracing(ctx context.Context, t Trace, version string, log *slog.Logger) (*tracing, error) {
	if t.Endpoint == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpointURL(t.Endpoint)), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("traces could not be delivered; check trace.endpoint", "error", err.Error())
	}))
	ratio := 1.0
	if t.Ratio != nil {
		ratio = *t.Ratio
	}
	return tracingTo(sdktrace.NewBatchSpanProcessor(exporter), ratio, version), nil
}

// endpointURL adds the path that OTLP over HTTP has by default.
func endpointURL(s string) string {
	if rest := strings.SplitN(s, "://", 2); len(rest) == 2 && !strings.Contains(strings.TrimSuffix(rest[1], "/"), "/") {
		return strings.TrimSuffix(s, "/") + "/v1/traces"
	}
	return s
}

func tracingTo(p sdktrace.SpanProcessor, ratio float64, version string) *tracing {
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(p),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "serin"), attribute.String("service.version", version))),
	)
	return &tracing{provider: provider, tracer: provider.Tracer("github.com/serin-canary/serin")}
}

// stop delivers what is left, for which it waits a little.
func (t *tracing) stop() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("the last traces could not be delivered: %w", err)
	}
	return nil
}

// handler makes a span of each request, within the caller's trace where it has one.
func (t *tracing) handler(h http.Handler) http.Handler {
	if t == nil {
		return h
	}
	return otelhttp.NewHandler(h, "request",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		// The path may carry what is not ours to show; its first part says enough.
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string {
			first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
			return r.Method + " /" + first
		}),
		otelhttp.WithFilter(func(r *http.Request) bool {
			return r.URL.Path != "/healthz" && r.URL.Path != "/readyz" && r.URL.Path != "/metrics"
		}))
}

// decider makes a span of each look.
func (t *tracing) decider(d webhooks.Decider) webhooks.Decider {
	if t == nil {
		return d
	}
	return tracedDecider{d, t.tracer}
}

type tracedDecider struct {
	next   webhooks.Decider
	tracer trace.Tracer
}

// Decide implements webhooks.Decider.
func (d tracedDecider) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	ctx, span := d.tracer.Start(ctx, "look", trace.WithAttributes(
		attribute.String("serin.rollout", r.ID), attribute.String("serin.service", r.Service)))
	defer span.End()
	v, err := d.next.Decide(ctx, r, now)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		return v, err
	}
	span.SetAttributes(
		attribute.Int("serin.look", v.Seq), attribute.String("serin.outcome", v.Outcome.String()),
		attribute.Float64("serin.evidence_log10", v.Evidence), attribute.Int("serin.blocks", v.Progress.Blocks))
	return v, nil
}

// source makes a span of each query.
func (t *tracing) source(name string, s queries.Source) queries.Source {
	if t == nil {
		return s
	}
	traced := tracedSource{s, name, t.tracer}
	if c, ok := s.(clock); ok {
		return tracedClock{traced, c}
	}
	return traced
}

// clock is a source that can tell its own time, which the judge asks for.
type clock interface {
	Clock(ctx context.Context) (time.Time, error)
}

type tracedSource struct {
	next   queries.Source
	name   string
	tracer trace.Tracer
}

type tracedClock struct {
	tracedSource
	clock
}

// Blocks implements queries.Source.
func (s tracedSource) Blocks(ctx context.Context, r queries.Reading, w queries.Window) (queries.Frame, error) {
	ctx, span := s.tracer.Start(ctx, "query", trace.WithAttributes(
		attribute.String("serin.source", s.name), attribute.String("serin.reading", string(r.Kind)), attribute.Int("serin.blocks", w.Len())))
	defer span.End()
	f, err := s.next.Blocks(ctx, r, w)
	if err != nil {
		span.SetStatus(codes.Error, err.Error()) // sources keep credentials out of their errors
	}
	span.SetAttributes(attribute.Int("serin.processes", len(f.Processes)))
	return f, err
}
