/**
 * What to do with a message that the client or the broker sent back.
 * - `retry`: the broker is not able to now; the same again can succeed.
 * - `crowded`: the request that it was part of is too large; in a smaller one it can succeed.
 * - `too_large`: the same, but nothing else was in the request.
 * - `alone`: another message of the same request may be the bad one; alone it will be told which.
 * - `no_topic`: its topic is gone; made anew it can succeed.
 * - `refused`: will never be taken.
 * - `fatal`: the idempotent producer cannot go on; a new one can.
 */
export type Verdict = 'retry' | 'crowded' | 'alone' | 'too_large' | 'no_topic' | 'refused' | 'fatal';

/** librdkafka's codes, negative where they are its own. Whatever is not listed is `retry`. */
const VERDICTS: Readonly<Record<number, Verdict>> = {
  [-188]: 'no_topic', // unknown topic
  [-190]: 'no_topic', // unknown partition
  [-150]: 'fatal', // fatal error of the producer
  [-144]: 'fatal', // fenced
  [-138]: 'alone', // another record of the batch was invalid
  2: 'alone', // invalid message
  3: 'no_topic', // unknown topic or partition
  17: 'refused', // invalid topic
  29: 'refused', // topic authorization failed
  31: 'refused', // cluster authorization failed
  32: 'refused', // invalid timestamp
  44: 'refused', // policy violation
  45: 'fatal', // out of order sequence number
  47: 'fatal', // invalid producer epoch
  59: 'fatal', // unknown producer id
  87: 'refused', // invalid record
  90: 'fatal', // producer fenced
};

/** Codes that are about size (message, request, segment): librdkafka says them of every message of the request. */
const SIZE = new Set([4, 10, 18]);

/** @param alone the message was the only one under way */
export function verdictOf(code: number, alone: boolean): Verdict {
  if (SIZE.has(code)) return alone ? 'too_large' : 'crowded';
  const verdict = VERDICTS[code] ?? 'retry';
  return verdict === 'alone' && alone ? 'refused' : verdict;
}
