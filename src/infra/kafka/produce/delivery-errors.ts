/**
 * What to do with a message that the client or the broker sent back.
 * - `retry`: the broker is not able to now; the same again can succeed.
 * - `crowded`: the request that it was part of is too large; in a smaller one it can succeed.
 * - `too_large`: the same, but nothing else was in the request: the one verdict that is about the message itself.
 * - `alone`: another message of the same request may be the bad one; alone it will be told which.
 * - `held`: whoever runs the brokers has to change something (a right, a limit, a topic, a clock); then the same
 *   message is taken. Also what no configuration seems to explain: a message that this program made is well-formed, so
 *   that a broker's validation that refuses it is a matter of its settings.
 * - `fatal`: the idempotent producer cannot go on; a new one can.
 */
export type Verdict = 'retry' | 'crowded' | 'alone' | 'too_large' | 'held' | 'fatal';

/** Told when a message comes back for a reason that somebody has to look at. */
export type Trouble = (verdict: Verdict, code: number, topic: string, words: string) => void;

/** librdkafka's codes, negative where they are its own. Whatever is not listed is `retry`. */
const VERDICTS: Readonly<Record<number, Verdict>> = {
  [-188]: 'held', // unknown topic
  [-190]: 'held', // unknown partition
  [-150]: 'fatal', // fatal error of the producer
  [-144]: 'fatal', // fenced
  [-138]: 'alone', // another record of the batch was invalid
  2: 'alone', // invalid message
  3: 'held', // unknown topic or partition
  17: 'held', // invalid topic
  21: 'held', // invalid required acks
  29: 'held', // topic authorization failed
  31: 'held', // cluster authorization failed
  32: 'held', // invalid timestamp
  35: 'held', // unsupported version of the protocol
  43: 'held', // unsupported message format
  44: 'held', // policy violation
  45: 'fatal', // out of order sequence number
  47: 'fatal', // invalid producer epoch
  54: 'held', // security disabled
  58: 'held', // authentication failed
  59: 'fatal', // unknown producer id
  76: 'held', // unsupported compression type
  87: 'held', // invalid record
  90: 'fatal', // producer fenced
};

/** Codes that are about size (message, request, segment): librdkafka says them of every message of the request. */
const SIZE = new Set([4, 10, 18]);
/** Codes that say that the topic is not there. */
const NO_TOPIC = new Set([-190, -188, 3]);

/** @param alone the message was the only one under way */
export function verdictOf(code: number, alone: boolean): Verdict {
  if (SIZE.has(code)) return alone ? 'too_large' : 'crowded';
  const verdict = VERDICTS[code] ?? 'retry';
  return verdict === 'alone' && alone ? 'held' : verdict;
}

/** Whether making the topic anew is what helps. */
export function isTopicMissing(code: number): boolean {
  return NO_TOPIC.has(code);
}
