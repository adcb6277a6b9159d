import { Fault } from '../../common/errors.ts';
import type { WrittenBefore } from './fill-parts.ts';
import { type PassEnd, type PassParts, QUIET_MS } from './fill-pass.ts';
import type { OpenFill } from './open-fill.ts';

const AGAIN_MS = 1_000;
/** Looks at a topic that cannot be read, or in which the first trade after the hole does not turn up. */
const MOST_LOOKS = 120;

/**
 * Where the hole begins of a code that somebody else had: what a holder that was killed wrote after its last note lies in the
 * topic, and what it noted may lie in its outbox alone, which nobody may ever bring. So it is the topic that says what is not
 * to be fetched.
 * @returns null where the hole is known, or nothing is written yet
 */
export async function settleLeft(
  fill: OpenFill,
  { deps: { clock, written }, exchange }: Pick<PassParts, 'deps' | 'exchange'>,
): Promise<PassEnd | null> {
  const { unsure } = fill.record;
  if (unsure === undefined) return null;
  // Before the code has traded again, pages are only gathered.
  if (fill.waits && clock.now() - fill.madeMs < QUIET_MS) return null;
  let found: WrittenBefore | null = null;
  try {
    found = (await written?.before(exchange, fill.market, unsure)) ?? null;
  } catch (error) {
    // Nothing could be written either, until the brokers are back.
    if (error instanceof Fault && error.code === 'broker_unavailable') fill.looks--;
  }
  if (found?.whole || (found && fill.waits) || fill.looks >= MOST_LOOKS) {
    fill.settleLeft(found ?? { last: null, late: [] });
    return { kind: 'again' };
  }
  fill.looks++;
  return { kind: 'waits', forMs: AGAIN_MS };
}
