import { EXCHANGES } from '../../exchanges/index.ts';
import type { Fences } from '../application/leases/fences.ts';
import type { StreamFigures } from '../application/metrics/figures.ts';
import { type DamagedOutbox, LostInOutbox } from '../application/reporting/lost-in-outbox.ts';
import type { Reporter } from '../application/reporting/reporter.ts';
import type { FillStore } from '../application/state-store.ts';
import type { Orchestrator } from '../application/streams/orchestrator.ts';
import type { Clock } from '../common/clock.ts';
import { Fault } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { countSettled } from '../core/pipeline/write.ts';
import type { OutboxDeps } from '../infra/kafka/recover/open-spool.ts';
import { systemDisk } from '../infra/outbox/disk.ts';
import { openStore } from '../infra/outbox/open-store.ts';
import type { StoreState } from '../infra/outbox/store.ts';
import type { Settings } from './settings.ts';

export interface OutboxParts {
  /** Of this collector. */
  readonly id: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly fences: Fences;
  readonly figures: StreamFigures;
  /** They are made after it, and asked when it runs. */
  readonly orchestrator: () => Orchestrator;
  /** What is to be fetched afterwards, by whomever. */
  readonly fills: Pick<FillStore, 'tasks'>;
  readonly reporter: () => Reporter;
  /** Ids of the schema registry by topic family. */
  readonly schemas: () => Readonly<Record<string, number>>;
}

/** Data topics are named by the type of their rows: `trade-data.korea`. */
const TYPE_END = '-data.';

/** The outbox that the settings ask for; null where they ask for none. */
export function openOutbox(settings: Settings, parts: OutboxParts): OutboxDeps | null {
  const { dir, max_bytes, fsync_ms } = settings.outbox;
  if (dir === null) return null;
  const { clock, log, fences, figures } = parts;
  const lost = new LostInOutbox(clock, parts.orchestrator, parts.reporter);
  return {
    open: (events) =>
      openStore({
        folder: dir,
        maxBytes: max_bytes,
        fsyncMs: fsync_ms,
        collector: parts.id,
        schemas: parts.schemas(),
        clock,
        disk: systemDisk,
        events,
      }),
    memoryBytes: settings.budget.bytes * settings.budget.stream_share,
    leaseMs: settings.state.lease_ms,
    heldUntil: (fence) => fences.heldUntil(fence),
    fetched: {
      async fetching(exchange) {
        const tasks = await parts.fills.tasks(exchange);
        return new Set(tasks.flatMap(({ symbol, result }) => (result === null ? [symbol] : [])));
      },
      otherIds: (exchange) => EXCHANGES.find(({ id }) => id === exchange)?.pastTrades?.otherIds ?? false,
    },
    holds(topic, key) {
      const [request_type] = topic.split(TYPE_END);
      const [exchange = '', code = ''] = key.split('|');
      const stream = parts
        .orchestrator()
        .streams()
        .find(({ target }) => target.exchange === exchange && target.request_type === request_type);
      return stream?.carries(code) ?? false;
    },
    settled(settled) {
      const { exchange, requestType: request_type, symbol } = settled;
      const figure = figures.of(exchange, request_type);
      const lane = parts.orchestrator().stream({ exchange, request_type })?.lane(symbol) ?? null;
      if (figure) countSettled(figure.stats, lane, settled);
    },
    damaged: (damage) => {
      const what = `${damage.segment === '' ? 'a segment' : damage.segment}: ${damage.reason}`;
      const fault = new Fault(
        'outbox_damaged',
        dir,
        `Messages that lay in the outbox cannot be read any more: ${what}.`,
        'Look after the disk; what is known to be lost is on record as a gap.',
      );
      lost.damaged({ ...damage, fault } satisfies DamagedOutbox);
    },
    stood: (ms) => {
      const what = `The disk of the outbox did not answer for ${(ms / 1000).toFixed(1)} s; nothing was read or sent meanwhile.`;
      const remedy = 'Look after the disk: a snapshot, a frozen file system, a device that hangs.';
      parts.reporter().error(new Fault('outbox_unavailable', dir, what, remedy), { target: null });
    },
    changed: (state, reason) => {
      const words = wordsOf(state, reason);
      if (words === null)
        return void log.info({ phase: 'outbox', state }, `the outbox in ${dir} takes messages`);
      parts
        .reporter()
        .error(
          new Fault('outbox_unavailable', dir, words, 'Messages go on in memory alone; look after the disk.'),
          { target: null },
        );
    },
  };
}

/** What keeps the outbox from taking messages; null where nothing does, or nobody is to be told. */
export function wordsOf(state: StoreState, reason: string): string | null {
  const why = reason === '' ? '' : `: ${reason}`;
  if (state === 'locked') return `The outbox is in use${why}.`;
  if (state === 'full') return `The outbox is full${why}.`;
  if (state === 'slow') return `The disk of the outbox is slow${why}.`;
  if (state === 'broken') return `The disk of the outbox refuses${why}.`;
  return null;
}
