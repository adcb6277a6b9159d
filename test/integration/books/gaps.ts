import type { BookState } from '../../simulator/books/exchange-books.ts';
import type { ReadEvent } from '../eleven-parts.ts';
import type { Injected } from './faults.ts';
import type { BookRow } from './rows.ts';

const BOOK_CAUSES = ['sequence', 'checksum', 'crossed'];
/** An armed fault waits for the next frame, and a frame for its turn. */
const SOON_MS = 15_000;
const SLACK_MS = 2000;

/** A gap of one code of order books, epoch ms; an open one ends never. */
export interface BookGap {
  readonly exchange: string;
  readonly code: string;
  readonly cause: string;
  readonly from: number;
  readonly to: number;
}

export function bookGaps(events: readonly ReadEvent[]): BookGap[] {
  return events.flatMap(({ kind, gap, target }) => {
    if (kind !== 'gap' || !gap || target?.request_type !== 'orderbook') return [];
    const { cause, from, to, codes } = gap;
    const span = { from: from / 1000, to: to === null ? Number.POSITIVE_INFINITY : to / 1000 };
    return codes.map((code) => ({ exchange: target.exchange, code, cause, ...span }));
  });
}

/** A gap begins with what was last known to be right: of a checksum that is told now and then, seconds before. */
function fits({ exchange, from, to }: BookGap, fault: Injected): boolean {
  return exchange === fault.exchange && from < fault.at + SOON_MS && to > fault.at - SLACK_MS;
}

function covers({ exchange, cause, from, to }: BookGap, fault: Injected): boolean {
  return (
    exchange === fault.exchange && BOOK_CAUSES.includes(cause) && from <= fault.at && to + SLACK_MS > fault.at
  );
}

/** Faults that had to be told and were not. One whose book was being fetched anew already broke nothing. */
export function untold(
  faults: readonly Injected[],
  gaps: readonly BookGap[],
  codeOf: (exchange: string, symbol: string) => string | undefined,
): Injected[] {
  const isToldBy = (fault: Injected) => (gap: BookGap) =>
    gap.code === codeOf(fault.exchange, fault.symbol) &&
    ((fits(gap, fault) && fault.told.includes(gap.cause)) || covers(gap, fault));
  return faults.filter((fault) => fault.told.length > 0 && !gaps.some(isToldBy(fault)));
}

/** Gaps without a fault that was asked for. A number of the whole socket puts all of its books in doubt. */
export function unexplained(
  faults: readonly Injected[],
  gaps: readonly BookGap[],
  codeOf: (exchange: string, symbol: string) => string | undefined,
): BookGap[] {
  const explains = (gap: BookGap) => (fault: Injected) =>
    fits(gap, fault) && (gap.exchange === 'bitfinex' || gap.code === codeOf(fault.exchange, fault.symbol));
  return gaps.filter((gap) => !faults.some(explains(gap)));
}

/** Whether a book was said to have broken, rather than not received. */
export function isBreak({ cause }: BookGap): boolean {
  return BOOK_CAUSES.includes(cause);
}

/**
 * Whether a reader can be expected to have the book of a moment: no gap of its code around it, no fault that nobody can
 * see, and no whole book just then, which some exchanges send without their time.
 */
export function isFair(
  moment: BookState,
  code: string,
  gaps: readonly BookGap[],
  faults: readonly Injected[],
  wholes: readonly BookRow[],
): boolean {
  const { exchange, symbol, at, askedAt } = moment;
  const near = (from: number, to: number) => askedAt > from - SLACK_MS && at < to + SLACK_MS;
  return !(
    moment.heard === 0 ||
    gaps.some((gap) => gap.exchange === exchange && gap.code === code && near(gap.from, gap.to)) ||
    faults.some(
      (fault) => fault.exchange === exchange && fault.symbol === symbol && near(fault.at, fault.at),
    ) ||
    wholes.some(({ received_at: time }) => near(time / 1000, time / 1000))
  );
}
