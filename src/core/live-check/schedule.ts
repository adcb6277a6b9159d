/** What is asked of each code over REST while the socket is read. */
export type Question = 'clock' | 'trades' | 'price' | 'book';

/** When, as parts of the time: early enough for answers to be held against what still comes. */
const TIMES: Readonly<Record<Question, readonly number[]>> = {
  clock: [0.05, 0.4, 0.7],
  trades: [0.15, 0.3, 0.5, 0.75],
  book: [0.25, 0.45, 0.65],
  price: [0.35, 0.6],
};

export interface Planned {
  readonly question: Question;
  /** From the beginning, ms. */
  readonly atMs: number;
}

/** All questions in the order in which they are asked. */
export function schedule(seconds: number): Planned[] {
  return Object.entries(TIMES)
    .flatMap(([question, times]) =>
      times.map((part) => ({ question: question as Question, atMs: part * seconds * 1000 })),
    )
    .sort((a, b) => a.atMs - b.atMs);
}
