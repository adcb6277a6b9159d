import { HISTORY_POINTS } from '../../application/metrics/live.ts';
import type { RunningStream } from '../../application/streams/stream.ts';
import type { Cancel } from '../../common/clock.ts';
import type { ConnectionSnapshot } from '../../core/connection/snapshot.ts';
import { readiness, warnings } from './health.ts';
import type { Observed } from './observed.ts';
import { codeCounts } from './prometheus.ts';
import { waiting as unacknowledged } from './unacknowledged.ts';

const EVERY_MS = 1000;
/** A reader that lets this many messages pile up is not reading. */
const MOST_UNREAD = 20;

export interface Feed {
  /** An answer of server-sent events: at once, then once a second. */
  open(): Response;
  stop(): void;
}

/** What the page shows, once a second to all who look on; nothing is made while nobody does. */
export function events(observed: Observed): Feed {
  const readers = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();
  let cancel: Cancel | null = null;
  let point = -1;

  function tell(): void {
    cancel = null;
    if (readers.size === 0) return;
    const withHistory = observed.live.point !== point;
    point = observed.live.point;
    const message = encoder.encode(`data: ${JSON.stringify(snapshot(observed, withHistory))}\n\n`);
    for (const reader of readers) {
      if ((reader.desiredSize ?? 0) > -MOST_UNREAD) reader.enqueue(message);
      else leave(reader);
    }
    cancel = observed.clock.after(EVERY_MS, tell);
  }

  function leave(reader: ReadableStreamDefaultController<Uint8Array>): void {
    readers.delete(reader);
    try {
      reader.close();
    } catch {
      // It has gone by itself.
    }
  }

  return {
    open() {
      let own: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          own = controller;
          readers.add(controller);
          const first = JSON.stringify(snapshot(observed, true));
          controller.enqueue(encoder.encode(`retry: 2000\ndata: ${first}\n\n`));
          cancel ??= observed.clock.after(EVERY_MS, tell);
        },
        cancel() {
          readers.delete(own);
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    },
    stop() {
      cancel?.();
      for (const reader of readers) leave(reader);
    },
  };
}

/** One message: the collector, then its streams. Times are epoch ms, delays ms. */
export function snapshot(observed: Observed, withHistory: boolean): Record<string, unknown> {
  const { clock, collectorId, version, drivers, messaging, budget, orchestrator, live } = observed;
  const { ready, reasons } = readiness(observed);
  const { breaker, waiting, inFlight, outbox } = messaging.state();
  const { rowsMs, messagesMs } = unacknowledged(observed);
  return {
    now: clock.micros() / 1000,
    id: collectorId,
    version: version.version,
    commit: version.commit,
    up: Math.round(Date.now() / 1000 - observed.process.startedAt),
    ready,
    reasons,
    warnings: warnings(observed),
    messaging: drivers.messaging,
    bootstrap: messaging.bootstrap,
    breaker: breaker?.state ?? null,
    store: drivers.state,
    storeUp: observed.store.available,
    budget: [budget.used, budget.total],
    outbox: outbox && {
      ok: outbox.state === 'ok',
      messages: outbox.messages,
      age: outbox.oldestAt === null ? null : Math.max(0, clock.micros() - outbox.oldestAt) / 1000,
      left: outbox.diskLeft,
    },
    waiting: waiting.messages + inFlight.messages,
    oldest: [Math.round(rowsMs), Math.round(messagesMs)],
    leases: orchestrator.leases(),
    rss: observed.process.residentBytes(),
    points: HISTORY_POINTS,
    point: live.point,
    streams: orchestrator.streams().map((stream) => line(observed, stream, withHistory)),
  };
}

function line(observed: Observed, stream: RunningStream, withHistory: boolean): Record<string, unknown> {
  const { target, stats } = stream;
  const { rows, acked, bytes, history } = observed.live.of(target);
  const { network, delivery } = stats.recent();
  const connections = stream.snapshots();
  const codes = codeCounts(connections);
  const state = shownState(stream, codes);
  // What holds the stream back most is what is told of it, not what the first of its sockets has to say.
  const worst = connections.find((one) => one.state === stream.state && one.reason !== null);
  return {
    x: target.exchange,
    region: target.region,
    t: target.request_type,
    state,
    reason: worst?.reason ?? null,
    retry: worst?.retryAt ? worst.retryAt / 1000 : null,
    codes,
    sockets: connections.flatMap(({ sockets }) => sockets).length,
    rows,
    acked,
    bytes,
    total: stats.acked,
    pending: stats.rows - stats.repeats - stats.acked - stats.undelivered,
    waited: Math.round(stream.waitedMs),
    failed: stats.rejected,
    missing: stats.missing,
    last: lastData(stream, connections) / 1000,
    net: percentiles(network),
    ack: percentiles(delivery),
    gapCount: observed.gaps.recent(target, observed.clock.micros()),
    ...(withHistory ? { history, gaps: gapMarks(observed, target) } : {}),
  };
}

/** When a stream had gaps in the last 15 minutes, `[from, to]` in epoch ms, oldest first; those that touch are one. */
function gapMarks({ gaps, clock }: Observed, target: RunningStream['target']): [number, number][] {
  const spans = gaps.latest(target, clock.micros() - 900_000_000).map(({ gap }) => gap);
  const marks: [number, number][] = [];
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = marks.at(-1);
    if (last && from / 1000 <= last[1]) last[1] = Math.max(last[1], to / 1000);
    else marks.push([from / 1000, to / 1000]);
  }
  return marks;
}

/** Epoch µs; of a stream that brought nothing but what it repeats when it is subscribed, that. 0: never. */
function lastData(stream: RunningStream, connections: readonly ConnectionSnapshot[]): number {
  let last = 0;
  for (const { codes } of connections)
    for (const { lastDataAt } of codes) last = Math.max(last, lastDataAt ?? 0);
  if (last > 0) return last;
  for (const { lastReceivedAt } of stream.lanes) last = Math.max(last, lastReceivedAt);
  return last;
}

/** A stream most of whose codes are silent does not look alive, though the one or other brings a row. */
function shownState(stream: RunningStream, { subscribed, stale }: ReturnType<typeof codeCounts>): string {
  if (stream.paused) return 'paused';
  return stream.state === 'live' && stale * 2 > subscribed ? 'stale' : stream.state;
}

/** p50, p95, p99 in ms. */
function percentiles(of: { count: number; percentile(fraction: number): number }): number[] | null {
  if (of.count === 0) return null;
  return [0.5, 0.95, 0.99].map((fraction) => Math.round(of.percentile(fraction) / 100) / 10);
}
