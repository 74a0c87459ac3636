import { metrics, SpanStatusCode, trace, type Attributes } from "@opentelemetry/api";
import type { Command, Outcome } from "@sessions/core/internal";

const name = "@sessions/server";
const tracer = trace.getTracer(name);
// It is looked up at its first use: an application may set its meter provider after this module is loaded.
const meter = () => metrics.getMeter(name);

/**
 * The metrics and spans of the server, through `@opentelemetry/api`. Nothing is recorded unless the application sets up an
 * SDK. Attributes hold kinds, codes and counts. They never hold the id of a person, or anything that a person typed.
 */
export class Telemetry {
  readonly #commands = meter().createCounter("sessions.commands", {
    description: "Commands by kind and outcome; `code` is the refusal's.",
  });
  readonly #batchSize = meter().createHistogram("sessions.commit.batch_size", {
    description: "Commands in one commit statement.",
  });
  readonly #cacheLookups = meter().createCounter("sessions.cache.lookups", {
    description: "Whether a command's session was cached.",
  });
  readonly #sweptSessions = meter().createCounter("sessions.swept", { description: "Sessions that a sweep ended." });
  readonly #sweepLag = meter().createHistogram("sessions.sweep.lag", {
    description: "How long after its deadline a sweep ended a session.",
    unit: "ms",
  });

  /** `unread`: the push was refused before its commands were parsed. */
  recordOutcome(kind: Command["kind"] | "malformed" | "unread", outcome: Outcome, commands = 1): void {
    const code = outcome.status === "refused" ? outcome.refusal.code : outcome.replayed ? "replayed" : "accepted";
    this.#commands.add(commands, { kind, outcome: outcome.status, code });
  }

  recordBatch(size: number): void {
    this.#batchSize.record(size);
  }

  recordCacheLookup(hit: boolean): void {
    this.#cacheLookups.add(1, { hit });
  }

  recordSweep(lagMs: number): void {
    this.#sweptSessions.add(1);
    this.#sweepLag.record(lagMs);
  }

  /** Reports the number of watchers and of waiting writes whenever the application collects metrics. Gives a function that stops it. */
  observe(watchers: () => number, queued: () => number): () => void {
    const watcherGauge = meter().createObservableGauge("sessions.watchers", {
      description: "Open streams of this node.",
    });
    const queueGauge = meter().createObservableGauge("sessions.commit.queue_depth", {
      description: "Writes that wait.",
    });
    const watch = (result: { observe(value: number): void }) => result.observe(watchers());
    const queue = (result: { observe(value: number): void }) => result.observe(queued());
    watcherGauge.addCallback(watch);
    queueGauge.addCallback(queue);
    return () => {
      watcherGauge.removeCallback(watch);
      queueGauge.removeCallback(queue);
    };
  }

  /** Runs work within a span. An error marks the span as failed with the error's name only: its message may quote what a person typed. */
  span<T>(spanName: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
    return tracer.startActiveSpan(spanName, { attributes }, async (span) => {
      try {
        return await work();
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "" });
        throw error;
      } finally {
        span.end();
      }
    });
  }
}
