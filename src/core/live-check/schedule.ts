import type { Rate } from '../exchange.ts';

/** What is asked of each code over REST while the socket is read. */
export type Question = 'clock' | 'trades' | 'price' | 'book';

/**
 * When, as parts of the time: early enough for answers to be held against what still comes. Where an exchange allows few
 * requests the first of each kind go first, in this order.
 */
const TIMES: Readonly<Record<Question, readonly number[]>> = {
  book: [0.25, 0.45, 0.65],
  price: [0.35, 0.6],
  trades: [0.5, 0.15, 0.3, 0.75],
  clock: [0.05, 0.4, 0.7],
};
const MOST_TIMES = 4;
/** Fewer requests than these for each code, and one code alone is asked about. */
const LEAST_OF_A_CODE = 7;

export interface Planned {
  readonly question: Question;
  /** From the beginning, ms. */
  readonly atMs: number;
}

export interface Plan {
  /** Codes that are asked about. */
  readonly codes: number;
  /** In the order in which they are asked; the trades of the end are beyond these. */
  readonly questions: readonly Planned[];
}

/** Requests that an exchange allows within a time; Infinity where it says nothing. @param weight of each */
export function affordable(rates: readonly Rate[], seconds: number, weight: number): number {
  const all = rates.map(({ count, perMs }) => count * Math.max(1, (seconds * 1000) / perMs));
  return Math.floor(Math.min(Number.POSITIVE_INFINITY, ...all) / weight);
}

/** Questions about up to `codes` codes, of which the exchange allows so many. */
export function plan(seconds: number, codes: number, allowed: number): Plan {
  const asked = allowed >= LEAST_OF_A_CODE * codes ? codes : Math.min(1, codes);
  let left = allowed - asked;
  const questions: Planned[] = [];
  for (let round = 0; round < MOST_TIMES; round++)
    for (const [name, times] of Object.entries(TIMES)) {
      const question = name as Question;
      const part = times[round];
      const cost = question === 'clock' ? 1 : asked;
      if (part === undefined || cost > left) continue;
      left -= cost;
      questions.push({ question, atMs: part * seconds * 1000 });
    }
  return { codes: asked, questions: questions.sort((a, b) => a.atMs - b.atMs) };
}
