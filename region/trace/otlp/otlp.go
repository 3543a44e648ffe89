// Package otlp sends traces to where OpenTelemetry's environment variables say.
//
// It promises that without them there is no Tracer and nothing runs; that spans leave in the background, from a bounded
// queue, and a receiver that is away costs spans and never a call. Of the protocols it speaks OTLP over HTTP, in protobuf.
// The variables are those of OpenTelemetry's specification:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT   one of them turns traces on
//	OTEL_EXPORTER_OTLP_HEADERS, …_TIMEOUT, …_COMPRESSION, …_CERTIFICATE
//	OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG                      without them every call is traced
//	OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_…, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER=none
//
// It sets OpenTelemetry's error handler, which is the process's: it is for programs, once. It starts the goroutine that
// sends; the function that FromEnvironment returns ends it.
package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"meridian/region/trace"
)

// closeTimeout bounds how long the last spans may take to leave.
const closeTimeout = 2 * time.Second

// Identity is whose spans they are.
type Identity struct {
	Instance string // a node's name, or front
	Region   string // empty: none
	Version  string
}

// FromEnvironment returns a Tracer that sends spans where the environment says, and what ends it. It returns nil, and
// nothing runs, where the environment does not ask for traces.
func FromEnvironment(ctx context.Context, env func(string) string, id Identity, log *slog.Logger) (t *trace.Tracer, end func(), err error) {
	end = func() {}
	if !asked(env) {
		return nil, end, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := env(name); p != "" {
			if p != "http/protobuf" {
				return nil, end, fmt.Errorf("%s=%s: only http/protobuf is spoken; traces are not sent", name, p)
			}
			break
		}
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, end, fmt.Errorf("send traces: %w", err)
	}
	about, err := describe(ctx, id)
	if err != nil {
		return nil, end, fmt.Errorf("send traces: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not sent", "err", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return trace.New(provider), func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Info("the last spans were not sent", "err", err)
		}
	}, nil
}

// asked says whether the environment asks for traces.
func asked(env func(string) string) bool {
	switch {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"), env("OTEL_TRACES_EXPORTER") == "none":
		return false
	}
	return env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// describe says whose spans they are; what the environment says counts more.
func describe(ctx context.Context, id Identity) (*resource.Resource, error) {
	own := []attribute.KeyValue{
		attribute.String("service.name", "meridian"), attribute.String("service.version", id.Version),
		attribute.String("service.instance.id", id.Instance),
	}
	if id.Region != "" {
		own = append(own, attribute.String("meridian.region", id.Region))
	}
	return resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(own...), resource.WithFromEnv())
}
