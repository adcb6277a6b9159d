import { type IdRange, IdRanges } from '../backfill/id-ranges.ts';
import type { Micros } from '../market/market.ts';
import type { IdHole } from './id-coverage.ts';

/** What is read of a message of `ws.event`. */
export interface EventValue {
  readonly kind?: unknown;
  readonly collector_id?: unknown;
  readonly timestamp_utc?: unknown;
  readonly target?: { readonly exchange?: unknown; readonly request_type?: unknown } | null;
  readonly state?: unknown;
  readonly gap?: GapValue | null;
  readonly detail?: Readonly<Record<string, unknown>> | null;
}

interface GapValue {
  readonly gap_id?: unknown;
  readonly from: Micros;
  readonly to: Micros | null;
  readonly cause: string;
  readonly codes: readonly string[];
  readonly first_missing_id: string | null;
  readonly last_missing_id: string | null;
  readonly fill?: FillValue | null;
}

interface FillValue {
  readonly proof?: string;
  readonly codes?: readonly FilledCode[] | null;
}

interface FilledCode {
  readonly code: string;
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly state: string;
}

/** A gap of one code as it was told last. */
interface Told {
  readonly from: Micros;
  readonly to: Micros | null;
  /** Null where it says no ids. */
  readonly ids: readonly IdRange[] | null;
  /** Ids that it says were fetched, and proved to be all. */
  readonly filled: readonly IdRange[];
}

interface Span {
  readonly from: Micros;
  readonly to: Micros;
}

/** What is known of one stream as a whole. */
interface StreamTold {
  /** When another process began to carry codes of it. */
  readonly changes: Span[];
  /** Every gap of it, whatever its codes. */
  readonly gaps: Span[];
  /** When a connection of it was lost. */
  readonly losses: Micros[];
  /** Latest state of each connection. */
  readonly states: Map<string, string>;
  collector: string | null;
}

/** Another process may repeat rows: these causes tell of one. */
const CHANGES = new Set(['restart', 'takeover']);
/** A connection that had these after it was live is gone, and what it carried with it. */
const LOST = new Set(['backoff', 'blocked']);
/** A state is told a moment after the gap began. */
const SLACK: Micros = 1_000_000;

/** Everything that `ws.event` says of the gaps of some streams; its memory is that of the gap records. */
export class GapRecords {
  /** Stream, code → by gap id. */
  readonly #codes = new Map<string, Map<string, Told>>();
  readonly #streams = new Map<string, StreamTold>();
  /** The latest time at which a gap was told to have been filled, ms. */
  lastFillMs = 0;

  /** @param atMs Kafka's time of the message */
  take(value: EventValue, atMs: number): void {
    const { kind, target, gap } = value;
    if (typeof target?.exchange !== 'string' || typeof target.request_type !== 'string') return;
    const stream = `${target.exchange}|${target.request_type}`;
    if (kind === 'state') takeState(this.#stream(stream), value);
    if (kind !== 'gap' || !gap) return;
    if (gap.fill) this.lastFillMs = Math.max(this.lastFillMs, atMs);
    const { changes, gaps } = this.#stream(stream);
    if (CHANGES.has(gap.cause)) changes.push({ from: gap.from, to: gap.to ?? gap.from });
    if (gap.cause !== 'missing_ids') gaps.push({ from: gap.from, to: gap.to ?? Number.POSITIVE_INFINITY });
    const id = typeof gap.gap_id === 'string' ? gap.gap_id : `${gap.cause} ${gap.from}`;
    const missing = missingOf(value);
    for (const code of gap.codes) {
      const place = `${stream}|${code}`;
      const told = this.#codes.get(place) ?? new Map<string, Told>();
      this.#codes.set(place, told);
      const { from, to } = gap;
      told.set(id, { from, to, ids: idsOf(gap, missing, code), filled: filledOf(gap, code) });
    }
  }

  /** Whether rows of the code that were to come in this time are on record as not received. */
  explains(stream: string, code: string, from: Micros, to: Micros): boolean {
    const told = this.#codes.get(`${stream}|${code}`);
    if (!told) return false;
    for (const gap of told.values()) {
      if (gap.ids === null && gap.from <= to && endOf(gap, told) >= from) return true;
    }
    return false;
  }

  /** The parts of a hole that no record tells of, by id or by time. */
  unexplained(stream: string, code: string, hole: IdHole): IdRange[] {
    let rest: IdRange[] = [{ first: hole.first, last: hole.last }];
    for (const { ids } of this.#codes.get(`${stream}|${code}`)?.values() ?? [])
      for (const range of ids ?? []) rest = rest.flatMap((part) => without(part, range));
    return rest.length > 0 && this.explains(stream, code, hole.from, hole.to) ? [] : rest;
  }

  /** Ids of a hole that records say were fetched, each once: a cut and the ids missing in it may both be filled. */
  claimed(stream: string, code: string, hole: IdHole): IdRange[] {
    const claimed = new IdRanges();
    for (const { filled } of this.#codes.get(`${stream}|${code}`)?.values() ?? [])
      for (const { first, last } of filled)
        claimed.add(Math.max(first, hole.first), Math.min(last, hole.last));
    return claimed.within(hole.first, hole.last);
  }

  /** Whether a collector was started, or took over, in this time: rows of before may come again after it. */
  changed(stream: string, from: Micros, to: Micros): boolean {
    return this.#streams.get(stream)?.changes.some((span) => span.from <= to && span.to >= from) ?? false;
  }

  /** When connections of a stream were lost without any gap of it on record. */
  untoldLosses(stream: string): Micros[] {
    const { losses, gaps } = this.#stream(stream);
    return losses.filter((at) => !gaps.some(({ from, to }) => from - SLACK <= at && to + SLACK >= at));
  }

  #stream(name: string): StreamTold {
    let stream = this.#streams.get(name);
    if (!stream) {
      stream = { changes: [], gaps: [], losses: [], states: new Map(), collector: null };
      this.#streams.set(name, stream);
    }
    return stream;
  }
}

/** A state of a connection, or of a single code, which says nothing here. */
function takeState(stream: StreamTold, { collector_id, timestamp_utc, state, detail }: EventValue): void {
  const at = 1000 * Date.parse(String(timestamp_utc));
  if (typeof state !== 'string' || !Number.isFinite(at) || detail?.code !== undefined) return;
  const connection = `${collector_id} ${detail?.shard} ${detail?.part ?? 0}`;
  const before = stream.states.get(connection);
  stream.states.set(connection, state);
  if (before === 'live' && LOST.has(state)) stream.losses.push(at);
  const other = stream.collector !== null && collector_id !== stream.collector;
  if (typeof collector_id === 'string') stream.collector = collector_id;
  // A connection that begins, and neither is the first nor opened again by its process, is of another process.
  const begins = before !== undefined && state === 'connecting' && detail?.attempts === 0;
  if (other || begins) stream.changes.push({ from: at, to: at });
}

/** A gap that its collector could not end is over with another of the code that begins no later. */
function endOf(gap: Told, told: ReadonlyMap<string, Told>): Micros {
  if (gap.to !== null) return gap.to;
  let end = Number.POSITIVE_INFINITY;
  for (const { from, to, ids } of told.values())
    if (ids === null && to !== null && from <= gap.from && to >= gap.from) end = Math.min(end, to);
  return end;
}

interface MissingOf extends IdRange {
  readonly code: string;
}

/** The holes of several codes that one event tells of. */
function missingOf({ detail }: EventValue): MissingOf[] {
  const missing = Array.isArray(detail?.missing) ? (detail.missing as Record<string, unknown>[]) : [];
  return missing.flatMap(({ code, first_missing_id, last_missing_id }) => {
    const range = rangeOf(first_missing_id, last_missing_id);
    return range && typeof code === 'string' ? [{ ...range, code }] : [];
  });
}

function idsOf(gap: GapValue, missing: readonly MissingOf[], code: string): IdRange[] | null {
  if (gap.cause !== 'missing_ids') return null;
  const own = missing.filter((one) => one.code === code);
  if (own.length > 0) return own;
  const range = rangeOf(gap.first_missing_id, gap.last_missing_id);
  return range ? [range] : null;
}

function filledOf({ fill }: GapValue, code: string): IdRange[] {
  if (fill?.proof !== 'ids') return [];
  return (fill.codes ?? []).flatMap((one) => {
    const range = one.code === code && one.state === 'complete' ? rangeOf(one.first_id, one.last_id) : null;
    return range ? [range] : [];
  });
}

function rangeOf(first: unknown, last: unknown): IdRange | null {
  if (typeof first !== 'string' || typeof last !== 'string') return null;
  const range = { first: Number(first), last: Number(last) };
  return Number.isSafeInteger(range.first) && Number.isSafeInteger(range.last) ? range : null;
}

function without(part: IdRange, taken: IdRange): IdRange[] {
  return [
    { first: part.first, last: Math.min(part.last, taken.first - 1) },
    { first: Math.max(part.first, taken.last + 1), last: part.last },
  ].filter(({ first, last }) => first <= last);
}
