import { byIds } from '../../core/backfill/by-ids.ts';
import type { Found, Rest } from '../../core/backfill/known-hole.ts';
import { Walk } from '../../core/backfill/walk.ts';
import type { Trade } from '../../core/market/rows.ts';
import { askPage } from './ask-page.ts';
import type { FillDeps, FilledExchange } from './fill-parts.ts';
import type { FillResult } from './fill-task.ts';
import type { Ledger } from './ledger.ts';
import type { OpenFill } from './open-fill.ts';
import type { ReadChains } from './read-chains.ts';
import type { SharedRequests } from './shared-requests.ts';
import { type LiveTrades, writeRows } from './write-rows.ts';

/** An exchange shows its trades late: how often it is asked again for what it must have, and after how long, in ms. */
const AGAIN_MS = [1000, 2000, 5000, 10_000, 20_000];
/** The same for what it does not have although it shows what is older and newer. */
const ABSENT_TRIES = 2;
/** A REST interface that does not answer is asked again after 1 s, 2 s, 4 s, … up to this, in ms. */
const MOST_BACKOFF_MS = 60_000;
/** Every exchange shows its trades so long after they happened, µs. */
const SHOWN = 60_000_000;
/** Rows that are gathered before they are written, and pages of one pass. */
const GATHERED = 10_000;
const PAGES = 20;

/**
 * What follows a pass. `left`: it is another's, or the program ends; `waits`: until then; `over`: it is to be told; `settled`: the topic
 * said where it begins or ends, which whoever has it next is to look for again.
 */
export type PassEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'waits'; readonly forMs: number }
  | { readonly kind: 'again' }
  | { readonly kind: 'settled' }
  | { readonly kind: 'over'; readonly result: FillResult; readonly rest: readonly Rest[] };

export interface PassParts {
  readonly deps: FillDeps;
  readonly exchange: FilledExchange;
  readonly shared: SharedRequests;
  readonly ledger: Ledger;
  /** The code on its way; null where its stream has ended. */
  live(): LiveTrades | null;
  /** Undefined: the code is not carried here any more. */
  fence(): number | null | undefined;
  /** What was read of other holes of the code. */
  readonly chains: Pick<ReadChains, 'keep' | 'within'>;
  asked(): void;
  written(rows: readonly Trade[]): void;
}

/** Whether nothing is missing, as far as the stream itself shows: where the exchange counts, that takes no request. */
export function needsNoRequest(
  fill: OpenFill,
  { exchange, ledger }: Pick<PassParts, 'exchange' | 'ledger'>,
): boolean {
  const { before, after } = fill.record;
  if (exchange.pastTrades.proof !== 'ids' || before === null || after === null) return false;
  return byIds(fill.hole(ledger.known(before, after, true)), new Map()).complete;
}

/** Goes once through the pages that hold a hole, and writes what they bring once that is sure. */
export async function pass(fill: OpenFill, parts: PassParts): Promise<PassEnd> {
  const { deps, exchange, ledger } = parts;
  const { clock, settings } = deps;
  const { pastTrades: past } = exchange;
  const counted = past.proof === 'ids';
  const { before, after } = fill.record;
  if (counted && !countable(before?.trade_id, after?.trade_id))
    return over('impossible', 'the ids of these trades are too large to be counted', []);
  const hole = fill.hole(ledger.known(before, after, counted));
  if (fill.walk) fill.walk.again(hole, clock.micros());
  else fill.walk = new Walk(past, hole, clock.micros(), counted ? [] : parts.chains.within(hole));
  const { walk } = fill;
  for (let page = 0; page < PAGES && walk.url !== null && walk.size < GATHERED; page++) {
    parts.asked();
    const read = await askPage(parts, fill.market, walk.url, fill.record.gap.from, () => {
      return parts.fence() !== undefined;
    });
    if (read === null) return { kind: 'left' };
    if ('refused' in read) return refused(fill, read.refused, read.again, parts);
    fill.failures = 0;
    fill.refusal = null;
    walk.take(read, clock.micros());
  }
  const found = walk.found();
  // What is younger may be shown late, in the middle of what was read.
  if (!counted && (found.complete || walk.url !== null))
    parts.chains.keep(fill.market.symbol, walk.chained(clock.micros() - SHOWN));
  if (found.complete) return finish(fill, found, parts, 'complete', null);
  if (fill.record.filled.rows + found.rows.length >= settings.maxRows)
    return finish(fill, found, parts, 'partial', `more than ${settings.maxRows} trades are missing`);
  if (walk.url !== null) return goOn(fill, found, parts);
  return walkedOut(fill, found, parts);
}

/** What the pages hold is told as it is: nobody waits for more. */
export function giveUp(fill: OpenFill, parts: PassParts, why: string): Promise<PassEnd> {
  const found = fill.walk?.found() ?? {
    rows: [],
    complete: false,
    reachesBefore: false,
    reachesAfter: false,
    rest: [],
  };
  return finish(fill, found, parts, 'partial', why);
}

/** The way has ended, and something is missing. */
async function walkedOut(fill: OpenFill, found: Found, parts: PassParts): Promise<PassEnd> {
  if (fill.waits) return keepWhatIsSure(fill, found, parts);
  const { reachesBefore, reachesAfter } = found;
  const most = !reachesAfter ? AGAIN_MS.length : !reachesBefore && isShort(parts) ? 0 : ABSENT_TRIES;
  const at = fill.tries++;
  if (at < most) return { kind: 'waits', forMs: AGAIN_MS[at] ?? 0 };
  return finish(fill, found, parts, 'partial', whyNot(found));
}

function whyNot({ reachesBefore, reachesAfter }: Found): string {
  if (!reachesAfter) return 'the exchange does not show the trade after it';
  if (!reachesBefore) return 'the exchange does not go back so far';
  return ABSENT;
}

/** Only the newest rows are there: what they do not hold now they never will. */
function isShort({ exchange }: PassParts): boolean {
  const { reach } = exchange.pastTrades;
  return reach !== null && 'rows' in reach;
}

/** The code has not traded since: what happened before the gap ended was missed for certain. */
async function keepWhatIsSure(fill: OpenFill, found: Found, parts: PassParts): Promise<PassEnd> {
  fill.early = true;
  const leftMs = QUIET_MS - (parts.deps.clock.now() - fill.madeMs);
  // Shortly after the gap the next trade tells for certain what was missed.
  if (leftMs > 0) return { kind: 'waits', forMs: leftMs };
  const ended = await write(fill, ofTheGap(fill, found), parts);
  return ended === 'left' ? { kind: 'left' } : { kind: 'waits', forMs: Number.POSITIVE_INFINITY };
}

/** A code that has not traded for so long after a gap, in ms, is looked for all the same. */
export const QUIET_MS = 600_000;

function ofTheGap({ record: { to } }: OpenFill, { rows }: Found): Trade[] {
  return rows.filter(({ timestamp }) => timestamp <= to);
}

/** A long hole is written in parts, each of which makes it smaller. */
async function goOn(fill: OpenFill, found: Found, parts: PassParts): Promise<PassEnd> {
  const { before, after } = fill.record;
  const down = found.reachesAfter && !found.reachesBefore;
  const up = found.reachesBefore && !found.reachesAfter;
  const rest = down ? found.rest[0] : up ? found.rest.at(-1) : undefined;
  if (fill.waits) return keepWhatIsSure(fill, found, parts);
  if (rest?.hole.before?.trade_id === before?.trade_id && rest?.hole.after?.trade_id === after?.trade_id)
    return finish(fill, found, parts, 'partial', 'its pages lead nowhere');
  const ended = await write(fill, found.rows, parts);
  if (ended !== 'written') return ended === 'left' ? { kind: 'left' } : over('partial', REFUSED, found.rest);
  if (!rest) return finish(fill, found, parts, 'partial', 'its pages lead nowhere');
  const { hole } = rest;
  fill.lost.push(...found.rest.filter((one) => one !== rest));
  fill.shrink(hole.before, hole.after, hole.from, hole.to);
  fill.walk = null;
  return { kind: 'again' };
}

const ABSENT = 'the exchange does not show all of it';
const REFUSED = 'Kafka refused some of its rows';

async function finish(
  fill: OpenFill,
  found: Found,
  parts: PassParts,
  state: 'complete' | 'partial',
  reason: string | null,
): Promise<PassEnd> {
  const rows = fill.waits ? ofTheGap(fill, found) : found.rows;
  const ended = await write(fill, rows, parts);
  if (ended === 'left') return { kind: 'left' };
  if (ended === 'refused') return over('partial', REFUSED, found.rest);
  const { proof } = parts.exchange.pastTrades;
  const rest = [...found.rest, ...fill.lost];
  if (state === 'complete' && fill.lost.length === 0)
    return { kind: 'over', result: { state, proof, reason: null }, rest: [] };
  const { rows: filled } = fill.record.filled;
  return over(filled > 0 ? 'partial' : 'impossible', reason ?? ABSENT, filled > 0 ? rest : []);
}

function write(fill: OpenFill, rows: readonly Trade[], parts: PassParts) {
  const { deps, exchange } = parts;
  return writeRows(deps, exchange, fill.market, rows, parts.live(), parts.fence, (written) => {
    fill.wrote(written);
    parts.written(written);
  });
}

function refused(
  fill: OpenFill,
  why: string,
  again: 'later' | 'never',
  parts: PassParts,
): Promise<PassEnd> | PassEnd {
  fill.refusal = why;
  if (again === 'never') return giveUp(fill, parts, why);
  const forMs = Math.min(MOST_BACKOFF_MS, 1000 * 2 ** Math.min(fill.failures++, 10));
  return { kind: 'waits', forMs };
}

function over(state: 'partial' | 'impossible', reason: string, rest: readonly Rest[]): PassEnd {
  return { kind: 'over', result: { state, proof: 'none', reason }, rest };
}

function countable(...ids: readonly (string | undefined)[]): boolean {
  return ids.every((id) => id === undefined || Number.isSafeInteger(Number(id)));
}
