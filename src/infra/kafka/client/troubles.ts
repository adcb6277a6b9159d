import type { Refusal } from '../produce/refusal.ts';
import type { TopicState } from '../produce/topic-lines.ts';
import type { TopicFinding } from '../topics/topic-findings.ts';
import type { PartitionStatistics } from './statistics.ts';

/** Nothing acknowledged for this long while something waits: the cluster cannot be used. */
const LATE_MS = 15_000;
/** The oldest message has to be younger than this again before a topic counts as usable. */
const TIMELY_MS = 5_000;
/** Topics that are named, and partitions of each. */
const NAMED = 3;

/** What is known about a topic that does not acknowledge. */
export interface Findings {
  statistics(): PartitionStatistics | null;
  /** Of the topics that were asked about, as the cluster saw them. */
  readonly metadata: ReadonlyMap<string, TopicFinding>;
  /** Words for librdkafka's codes. */
  readonly errorText: (code: number) => string;
}

/**
 * Which topics cannot be written to now, and why. A topic that was late stays so until its messages are timely again,
 * so that a cluster on the edge of it (a quota) does not flap.
 */
export class Troubles {
  readonly #late = new Set<string>();

  /** The topics whose oldest message is late, or was and is not timely yet; longest first. */
  late(topics: readonly TopicState[], now: number): TopicState[] {
    const known = new Set(topics.map(({ topic }) => topic));
    for (const topic of this.#late) if (!known.has(topic)) this.#late.delete(topic);
    for (const { topic, oldestAt } of topics) {
      const ageMs = now - (oldestAt ?? now);
      if (ageMs > LATE_MS) this.#late.add(topic);
      else if (ageMs < TIMELY_MS) this.#late.delete(topic);
    }
    return topics
      .filter(({ topic, refusal }) => this.#late.has(topic) && !refusal)
      .sort((a, b) => (a.oldestAt ?? now) - (b.oldestAt ?? now));
  }

  /** One sentence per trouble: refusals in the cluster's words, then topics that do not acknowledge. */
  words(topics: readonly TopicState[], now: number, findings: Findings): string[] {
    const refused = topics.flatMap(({ topic, refusal, messages }) =>
      refusal && lasts(refusal) ? [refusalWords(topic, refusal, messages, findings.errorText)] : [],
    );
    const states = this.late(topics, now);
    const statistics = states.length > 0 ? findings.statistics() : null;
    const late = states.map((state) => lateWords(state, now, causes(state.topic, statistics, findings)));
    return [...named(refused), ...named(late)];
  }
}

/** A first answer that asks for another try is not yet a trouble. */
function lasts({ times, nextAt, at }: Refusal): boolean {
  return times > 1 || nextAt > at;
}

function named(sentences: string[]): string[] {
  const more = sentences.length - NAMED;
  return more > 0 ? [...sentences.slice(0, NAMED), `and ${more} more topics`] : sentences;
}

/** `trade-data.korea is refused: Broker: Topic authorization failed (29); 120 messages wait` */
function refusalWords(
  topic: string,
  { code, words }: Refusal,
  messages: number,
  errorText: (code: number) => string,
): string {
  const said = words === '' ? errorText(code) : `${words} (${code})`;
  return `${topic} is refused: ${said}; ${messages} messages wait and are tried again`;
}

/** `trade-data.korea: of 40 messages the oldest waits 23 s for its acknowledgement: partition 1: 1 of 2 replicas in sync` */
function lateWords({ topic, oldestAt, messages }: TopicState, now: number, why: readonly string[]): string {
  const seconds = Math.round((now - (oldestAt ?? now)) / 1000);
  const because = why.length === 0 ? '' : `: ${why.join('; ')}`;
  return `${topic}: of ${messages} messages the oldest waits ${seconds} s for its acknowledgement${because}`;
}

function causes(topic: string, statistics: PartitionStatistics | null, { metadata }: Findings): string[] {
  const known = metadata.get(topic)?.partitions ?? [];
  const waiting = statistics?.waiting.get(topic);
  const stuck = known.filter(({ id }) => waiting === undefined || waiting.size === 0 || waiting.has(id));
  const found = stuck.flatMap(({ id, leader, isrs, replicas }) => {
    const broker = statistics?.brokers.find((one) => one.id === leader);
    if (leader < 0) return [`partition ${id} has no leader`];
    if (broker && broker.state !== 'UP')
      return [`partition ${id}: its leader, broker ${leader}, is not connected`];
    if (isrs.length < replicas.length)
      return [`partition ${id}: ${isrs.length} of ${replicas.length} replicas in sync`];
    return [];
  });
  const throttling = (statistics?.brokers ?? [])
    .filter(({ throttledMs }) => throttledMs > 0)
    .map(({ id, throttledMs }) => `broker ${id} throttles by ${throttledMs} ms (a quota)`);
  return [...found.slice(0, NAMED), ...throttling];
}
