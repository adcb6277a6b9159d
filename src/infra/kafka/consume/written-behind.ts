import { BEHIND_MS, type OpenEnd, type WrittenBehind } from '../../../application/backfill/fill-parts.ts';
import type { Clock } from '../../../common/clock.ts';
import { inOrder } from '../../../core/backfill/known-hole.ts';
import type { Trade } from '../../../core/market/rows.ts';
import type { Neighbour } from '../../../core/past-trades.ts';
import { standingOf } from '../../../core/reading/fence-rule.ts';
import type { Encoding } from '../produce/encodings.ts';
import type { IntervalReader } from './interval-reader.ts';
import { rowsOf, textHeaders, writtenNeighbour } from './record-parts.ts';

/** What a look into a topic takes. */
export interface TopicLookParts {
  readonly encodingOf: (topic: string) => Encoding | undefined;
  /** @throws {Fault} where the cluster cannot be reached */
  readonly openReader: () => Promise<IntervalReader>;
  readonly clock: Clock;
}

/** Clocks of exchanges, of brokers and ours differ by less, or what is behind it is fetched twice; ms. */
export const APART_MS = 10_000;
/** Codes that are asked for within this time are answered out of one reading, ms: a look reads all that was written since. */
const GATHER_MS = 1_000;
/** Trades of one hole that are known beyond those beside it; what is more is fetched twice. */
const MOST_KNOWN = 20_000;

interface Question {
  readonly key: string;
  readonly end: OpenEnd;
  /** Of the fences in the topic, so far. */
  highest: number;
  first: Trade | null;
  readonly known: Neighbour[];
  readonly answer: PromiseWithResolvers<WrittenBehind>;
}

/** Looks behind holes of one topic, those of all codes that are asked for together in one reading. */
export class WrittenBehindHoles {
  readonly #topic: string;
  readonly #parts: TopicLookParts;
  #asked: Question[] = [];
  #reading = false;

  constructor(topic: string, parts: TopicLookParts) {
    this.#topic = topic;
    this.#parts = parts;
  }

  /** @throws {Fault} where the topic cannot be read */
  ask(key: string, end: OpenEnd): Promise<WrittenBehind> {
    const answer = Promise.withResolvers<WrittenBehind>();
    this.#asked.push({ key, end, highest: Number.NEGATIVE_INFINITY, first: null, known: [], answer });
    this.#soon();
    return answer.promise;
  }

  /** One reading at a time: what is asked meanwhile is answered by the next. */
  #soon(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#parts.clock.after(GATHER_MS, () => {
      void this.#answer().finally(() => {
        this.#reading = false;
        if (this.#asked.length > 0) this.#soon();
      });
    });
  }

  async #answer(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    try {
      await this.#read(asked);
      for (const { first, known, answer } of asked)
        answer.resolve({ first: first && writtenNeighbour(first), known });
    } catch (error) {
      for (const { answer } of asked) answer.reject(error);
    }
  }

  async #read(asked: readonly Question[]): Promise<void> {
    const byKey = Map.groupBy(asked, ({ key }) => key);
    const since = Math.min(
      ...asked.map(({ end: { before, from } }) => Math.min(before?.timestamp ?? from, from)),
    );
    const encoding = this.#parts.encodingOf(this.#topic);
    const reader = await this.#parts.openReader();
    try {
      if (!(await reader.has(this.#topic))) return;
      const from = { offsets: new Map<number, number>(), sinceMs: since / 1000 - APART_MS };
      const untilMs = Math.floor(Math.max(...asked.map(({ end }) => end.to)) / 1000) + BEHIND_MS;
      await reader.read({ topic: this.#topic, from, untilMs }, ({ key, value, headers }) => {
        const questions = key === null || key === undefined ? undefined : byKey.get(String(key));
        if (!questions || value === null) return undefined;
        const standing = standingOf(textHeaders(headers));
        const rows = rowsOf(encoding, value);
        for (const question of questions) take(question, rows, standing);
        return undefined;
      });
    } finally {
      await reader.close();
    }
  }
}

/** Rows of one message, as readers keep them. */
function take(
  question: Question,
  rows: readonly Trade[],
  { fence, late }: ReturnType<typeof standingOf>,
): void {
  const { end } = question;
  if (late === null && fence !== null) {
    if (fence < question.highest) return;
    question.highest = fence;
  }
  for (const row of rows) {
    if (end.before !== null ? inOrder(row, end.before) <= 0 : row.timestamp < end.from) continue;
    if (late === null && follows(row, fence, end)) question.first ??= row;
    else if (question.known.length < MOST_KNOWN) question.known.push(writtenNeighbour(row));
  }
}

/** Whoever had the code later has missed nothing before this one that it would not have told as a gap of its own. */
function follows({ stream_type, received_at }: Trade, fence: number | null, end: OpenEnd): boolean {
  if (stream_type !== 'REALTIME') return false;
  return received_at >= end.to || (fence !== null && end.fence !== null && fence > end.fence);
}
