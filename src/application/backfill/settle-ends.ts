import { Fault } from '../../common/errors.ts';
import { BEHIND_MS, type WrittenBefore, type WrittenBehind, type WrittenTrades } from './fill-parts.ts';
import { type PassEnd, type PassParts, QUIET_MS } from './fill-pass.ts';
import type { OpenFill } from './open-fill.ts';

type Parts = Pick<PassParts, 'deps' | 'exchange'>;

const AGAIN_MS = 1_000;
/** Looks at a topic that cannot be read, or in which the trade beside the hole does not turn up. */
const MOST_LOOKS = 120;
/**
 * How far the look goes back step by step where it finds no trade at all, µs. Kafka takes what a holder had under way also
 * behind the rows of the next one, where readers drop it: what was noted as written then is not there.
 */
const FURTHER_BACK = [60_000_000, 600_000_000];
const WAITS: PassEnd = { kind: 'waits', forMs: AGAIN_MS };

/**
 * Where a hole begins and ends that others have touched: it is the topic that says what lies there already.
 * @returns null where both are known, or nothing can be said yet
 */
export async function settleEnds(fill: OpenFill, parts: Parts): Promise<PassEnd | null> {
  return (await settleLeft(fill, parts)) ?? (await settleRight(fill, parts));
}

/**
 * What a holder that was killed wrote after its last note lies in the topic, and what it noted may lie in its outbox alone,
 * which nobody may ever bring. It may have written behind the hole too, before it could leave a task for it.
 */
async function settleLeft(fill: OpenFill, parts: Parts): Promise<PassEnd | null> {
  const { unsure } = fill.record;
  if (unsure === undefined) return null;
  // Before the code has traded again, pages are only gathered.
  if (fill.waits && parts.deps.clock.now() - fill.madeMs < QUIET_MS) return null;
  const found: WrittenBefore | null = await looked(fill, parts, (written) =>
    written.before(parts.exchange, fill.market, unsure, fill.record.gap.from),
  );
  const over = found?.whole || (found && fill.waits) || fill.looks >= MOST_LOOKS;
  if (!over) return WAITS;
  const noted = fill.record.before !== null;
  if (noted && found?.empty && fill.looksFurtherBack(FURTHER_BACK)) return { kind: 'again' };
  fill.settleLeft(found ?? { last: null, known: [] });
  return { kind: 'settled' };
}

/**
 * A task out of the store: whoever made it had written what it received from then on, and so has whoever had the code since,
 * perhaps before the task was made. That has been waited for once the code trades: what is received here is written too.
 */
async function settleRight(fill: OpenFill, parts: Parts): Promise<PassEnd | null> {
  const { openEnd } = fill;
  // What is fetched before the code has traded again bears ids by which readers know it, should it lie there already.
  if (openEnd === null || fill.waits) return null;
  const { before, from } = fill.record;
  const found: WrittenBehind | null = await looked(fill, parts, (written) =>
    written.behind(parts.exchange, fill.market, { ...openEnd, before, from }),
  );
  // What is received here is not looked for any more.
  const old = parts.deps.clock.micros() - openEnd.to > BEHIND_MS * 1000;
  if (!found?.first && !(found && old) && fill.looks < MOST_LOOKS) return WAITS;
  fill.settleRight(found ?? { first: null, known: [] });
  return { kind: 'settled' };
}

/** Null where the topic cannot be read; where the brokers are away that is waited for, as nothing could be written either. */
async function looked<Found>(
  fill: OpenFill,
  { deps: { written } }: Parts,
  look: (written: WrittenTrades) => Promise<Found>,
): Promise<Found | null> {
  let away = false;
  try {
    return written ? await look(written) : null;
  } catch (error) {
    away = error instanceof Fault && error.code === 'broker_unavailable';
    return null;
  } finally {
    if (!away) fill.looks++;
  }
}
