import { type GapEvent, lastTold, neverEnded, withoutCause } from './checks/gaps.ts';
import { type MemorySample, memoryOver } from './checks/memory.ts';
import { type ReadySample, readinessOver } from './checks/readiness.ts';
import {
  disordered,
  keptByFence,
  missingOutsideGaps,
  neverSent,
  type ReadRow,
  repeated,
  type SentRow,
} from './checks/rows.ts';
import { type Span, type Suffering, type Waited, waits } from './checks/waits.ts';
import { type Happened, READY_WITHIN_MS } from './day.ts';
import type { RawTopic, Violation } from './read-back.ts';

/** All that was seen in a run. */
export interface Seen {
  readonly sent: readonly SentRow[];
  readonly violations: readonly Violation[];
  readonly topics: readonly RawTopic[];
  readonly events: readonly (GapEvent & {
    readonly correlation_id: string | null;
    readonly outcome: string | null;
  })[];
  /** Correlation ids of the commands sent. */
  readonly commands: readonly string[];
  readonly happened: readonly Happened[];
  readonly suffered: readonly Suffering[];
  /** How long each message of an independent client took. */
  readonly independent: readonly Span[];
  readonly ready: readonly ReadySample[];
  readonly memory: readonly MemorySample[];
  readonly restarts: readonly { readonly from: number; readonly to: number }[];
  readonly unasked: readonly string[];
  readonly stop: { readonly code: number; readonly ms: number };
  /** When the faults began and when the collector was told to stop, epoch ms. */
  readonly from: number;
  readonly to: number;
}

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** Figures, and the first of what is wrong. */
  readonly told: readonly string[];
}

/** What a row may wait beyond what was being done to it. */
const WAIT_MS = 1000;
const TOLD_WITHIN_MS = 15_000;
/** How steadily a fault is told once it is told. */
const TOLD_SHARE = 0.9;
/** How long after a fault a gap may still come of it: refused codes are asked for again ever more seldom. */
const GAP_AFTER_MS = 60_000;
/** Limits that are broken by saying nothing. */
const UNANSWERED = ['pong', 'idle'];
const PONG_AFTER_MS = 5000;
const STOP_WITHIN_MS = 12_000;
const MIB = 1024 * 1024;
const PEAK_BYTES = 512 * MIB;
/** Seen are 274 MiB: shortly after all codes at once were fetched for, what that took waits for the garbage collector. */
const SETTLED_BYTES = 352 * MIB;
const GROWTH_BYTES = 64 * MIB;
const SHOWN = 12;

/** Looks at everything. */
export function verdict(seen: Seen): Check[] {
  const all = seen.topics.flatMap(({ rows }) => rows);
  const read = keptByFence(all);
  const symbols = new Map(seen.topics.flatMap((topic) => [...topic.symbols]));
  const gaps = lastTold(seen.events, symbols);
  const place = (at: number) => placeOf(at, seen);
  const rowAt = ({ stream, id, appended }: ReadRow) => `${stream} ${id} in Kafka ${place(appended)}`;
  const { missing, untold } = missingOutsideGaps(seen.sent, read, gaps);
  const waited = waits(read, seen.suffered, seen.independent);
  const late = waited.filter(({ beyond }) => beyond > WAIT_MS);
  const done = seen.happened.map(({ from, to }) => ({ from, to }));
  return [
    check(
      'every row is in Kafka or inside a gap of its code',
      untold.map(({ stream, id, at }) => `${stream} ${id} ${place(at)}`),
      `${seen.sent.length} rows happened, ${all.length} are in Kafka, of which readers drop ${all.length - read.length} for their fence, ${missing} are missing, ${untold.length} of them outside every gap`,
    ),
    none('no row is in Kafka that was not sent', neverSent(seen.sent, read).map(rowAt)),
    none('no row comes twice without a restart', repeated(seen.sent, read, seen.restarts).map(rowAt)),
    none('rows of a code keep their order', disordered(seen.sent, read).map(rowAt)),
    check(
      `no row waits more than ${WAIT_MS} ms beyond what was done to it`,
      worst(late).map((one) => lateness(one, place)),
      `${late.length} of ${waited.length} do; wait: ${percentiles(waited.map(({ wait }) => wait))}; beyond: ${percentiles(waited.map(({ beyond }) => beyond))}; of an independent client: ${percentiles(seen.independent.map(({ from, to }) => to - from))}`,
    ),
    none(
      'every gap ends',
      neverEnded(gaps).map(({ stream, cause, from }) => `${stream} ${cause} from ${place(from / 1000)}`),
    ),
    none(
      'no gap without a cause',
      withoutCause(gaps, [{ from: 0, to: seen.from }, ...done], GAP_AFTER_MS).map(
        ({ stream, cause, from }) => `${stream} ${cause} from ${place(from / 1000)}`,
      ),
    ),
    ...readiness(seen),
    memory(seen),
    none('each command has one reply', unanswered(seen)),
    none(
      'no published limit of an exchange is broken',
      broken(seen).map(({ at, told }) => `${told} ${place(at)}`),
    ),
    none('the collector never ended by itself', seen.unasked),
    check(
      'it stops in order',
      seen.stop.code === 0 && seen.stop.ms <= STOP_WITHIN_MS ? [] : ['not so'],
      `exit code ${seen.stop.code} after ${Math.round(seen.stop.ms)} ms`,
    ),
  ];
}

function readiness({ happened, ready }: Seen): Check[] {
  return happened.map(({ fault, from, to }, nth) => {
    const { toldAfterMs, toldShare, readyAfterMs } = readinessOver(
      ready,
      { from, to },
      happened[nth + 1]?.from,
    );
    const mustTell = fault.expects !== 'nothing' && to - from > TOLD_WITHIN_MS;
    const wrong = [
      ...(mustTell && (toldAfterMs ?? Number.POSITIVE_INFINITY) > TOLD_WITHIN_MS ? ['not told in time'] : []),
      ...(mustTell && toldAfterMs !== null && toldShare < TOLD_SHARE ? ['told and taken back'] : []),
      ...((readyAfterMs ?? Number.POSITIVE_INFINITY) > READY_WITHIN_MS ? ['not ready again in time'] : []),
    ];
    const told = `told after ${seconds(toldAfterMs)}, ${Math.round(toldShare * 100)} % of the answers, ready after ${seconds(readyAfterMs)}`;
    return check(`/readyz and ${fault.name}`, wrong, told);
  });
}

function memory({ memory, happened, from, to }: Seen): Check {
  const quiet = [
    { from, to: happened[0]?.from ?? to },
    ...happened.map((one, nth) => ({ from: one.to, to: happened[nth + 1]?.from ?? to })),
  ];
  const { peak, settled, growth } = memoryOver(memory, quiet);
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
  const wrong = [
    ...(settled === 0 ? ['no quiet time was seen'] : []),
    ...(peak > PEAK_BYTES ? [`peak above ${mib(PEAK_BYTES)}`] : []),
    ...(settled > SETTLED_BYTES ? [`above ${mib(SETTLED_BYTES)} in a quiet time`] : []),
    ...((growth ?? 0) > GROWTH_BYTES ? [`a process grew by more than ${mib(GROWTH_BYTES)}`] : []),
  ];
  const grown = growth === null ? 'no process had two quiet times' : `grew by ${mib(growth)} at most`;
  return check(
    'memory is flat',
    wrong,
    `${mib(settled)} at most in a quiet time, ${grown}, peak ${mib(peak)}`,
  );
}

/** Who stands still can neither answer pings nor send any. */
function broken({ violations, suffered }: Seen): Violation[] {
  const still = suffered.filter(({ topics }) => topics === undefined);
  return violations.filter(
    ({ at, limit }) =>
      !(UNANSWERED.includes(limit) && still.some(({ from, to }) => from <= at && at <= to + PONG_AFTER_MS)),
  );
}

function unanswered({ commands, events }: Seen): string[] {
  return commands.flatMap((id) => {
    const replies = events.filter(({ kind, correlation_id }) => kind === 'reply' && correlation_id === id);
    const outcomes = new Set(replies.map(({ outcome }) => outcome));
    return outcomes.size === 1 && !outcomes.has('refused')
      ? []
      : [`${id}: ${[...outcomes].join() || 'none'}`];
  });
}

/** Where in the run a time lies: seconds since the faults began, and the fault it is in or after. */
function placeOf(at: number, { happened, from }: Seen): string {
  const last = happened.findLast((one) => one.from <= at);
  const when = `at ${((at - from) / 1000).toFixed(3)} s`;
  if (!last) return `${when}, before all`;
  return at <= last.to
    ? `${when}, in ${last.fault.name}`
    : `${when}, ${((at - last.to) / 1000).toFixed(1)} s after ${last.fault.name}`;
}

function worst(late: readonly Waited[]): Waited[] {
  return late.toSorted((a, b) => b.beyond - a.beyond);
}

function lateness({ row, wait, beyond }: Waited, place: (at: number) => string): string {
  return `${row.stream} waited ${Math.round(wait)} ms, ${Math.round(beyond)} beyond, received ${place(row.received / 1000)}`;
}

function percentiles(values: readonly number[]): string {
  const sorted = Float64Array.from(values).sort();
  const at = (part: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return `median ${at(0.5)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, most ${at(1)} ms`;
}

function seconds(ms: number | null): string {
  return ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`;
}

function none(name: string, wrong: readonly string[]): Check {
  return check(name, wrong, `${wrong.length}`);
}

/** Of much that is wrong, the first and some from all over. */
function check(name: string, wrong: readonly string[], figures: string): Check {
  const step = Math.max(1, Math.floor(wrong.length / SHOWN));
  const shown = wrong.filter((_, nth) => nth % step === 0).slice(0, SHOWN);
  const more = wrong.length > shown.length ? [`… ${wrong.length} in all`] : [];
  return { name, passed: wrong.length === 0, told: [figures, ...shown, ...more] };
}
