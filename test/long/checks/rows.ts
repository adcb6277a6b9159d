/** A row that an exchange had, as the simulator's ledger has it. */
export interface SentRow {
  /** Exchange, type and native symbol: `upbit trade KRW-BTC`. */
  readonly stream: string;
  /** A trade's id; a ticker's close and time, which may come twice. */
  readonly id: string;
  /** When it happened, epoch ms: sent, or swallowed by what was done to the exchange. */
  readonly at: number;
  /** Whether a socket got it. */
  readonly sent: boolean;
  /** An answer to a subscription, which says anew what was said before. */
  readonly snapshot: boolean;
}

/** A row as it lies in Kafka. */
export interface ReadRow {
  readonly stream: string;
  readonly id: string;
  readonly topic: string;
  /** Epoch µs, by the collector. */
  readonly received: number;
  /** Epoch ms, by the broker. */
  readonly appended: number;
  readonly fence: number;
}

/** A gap of one stream and code as it was told last; times are epoch µs, null where it has not ended. */
export interface ReadGap {
  readonly id: string;
  readonly stream: string;
  readonly from: number;
  readonly to: number | null;
  readonly cause: string;
}

/** The ledger knows whole milliseconds, and a row travels for a moment before it is received. */
const SLACK_US = 1000;

/** What a reader keeps who drops a message whose fence is below the highest of its key. */
export function keptByFence(rows: readonly ReadRow[]): ReadRow[] {
  const highest = new Map<string, number>();
  return rows.filter(({ stream, fence }) => {
    const before = highest.get(stream) ?? 0;
    if (fence > before) highest.set(stream, fence);
    return fence >= before;
  });
}

/** Rows that happened, that are not in Kafka, and that lie in no gap of their code. */
export function missingOutsideGaps(
  sent: readonly SentRow[],
  read: readonly ReadRow[],
  gaps: readonly ReadGap[],
): { missing: number; untold: SentRow[] } {
  const got = new Set(read.map(nameOf));
  const told = Map.groupBy(gaps, ({ stream }) => stream);
  const seen = new Set<string>();
  const untold: SentRow[] = [];
  let missing = 0;
  for (const row of sent) {
    const name = nameOf(row);
    if (got.has(name) || seen.has(name) || (row.snapshot && isTicker(row))) continue;
    seen.add(name);
    missing++;
    if (!told.get(row.stream)?.some((gap) => covers(gap, row.at))) untold.push(row);
  }
  return { missing, untold };
}

function covers({ from, to }: ReadGap, at: number): boolean {
  return at * 1000 + 999 >= from && (to === null || at * 1000 <= to + SLACK_US);
}

/** Rows that are in Kafka and never went out. */
export function neverSent(sent: readonly SentRow[], read: readonly ReadRow[]): ReadRow[] {
  const known = new Set(sent.filter((row) => row.sent).map(nameOf));
  return read.filter((row) => !known.has(nameOf(row)));
}

/**
 * Rows that are in Kafka more often than they were sent (a trade: than once), unless the collector was started anew
 * between the copies.
 * @param restarts from the kill to the new start, epoch ms: what was on its way to the broker arrives after the kill
 */
export function repeated(
  sent: readonly SentRow[],
  read: readonly ReadRow[],
  restarts: readonly { readonly from: number; readonly to: number }[],
): ReadRow[] {
  const allowed = new Map<string, number>();
  for (const row of sent)
    if (row.sent && isTicker(row)) allowed.set(nameOf(row), (allowed.get(nameOf(row)) ?? 0) + 1);
  const copies = new Map<string, ReadRow[]>();
  return read.filter((row) => {
    const name = nameOf(row);
    const before = copies.get(name);
    if (before === undefined) {
      copies.set(name, [row]);
      return false;
    }
    const first = before[0]?.appended ?? 0;
    const restarted = restarts.some(({ from, to }) => first <= to && from <= row.appended);
    before.push(row);
    return !restarted && before.length > (allowed.get(name) ?? 1);
  });
}

/** First copies that stand in Kafka behind a row of their code that was sent after them. */
export function disordered(sent: readonly SentRow[], read: readonly ReadRow[]): ReadRow[] {
  const place = new Map<string, number>();
  for (const [nth, row] of sent.entries())
    if (row.sent && !place.has(nameOf(row))) place.set(nameOf(row), nth);
  const last = new Map<string, number>();
  const seen = new Set<string>();
  return read.filter((row) => {
    const name = nameOf(row);
    if (seen.has(name)) return false;
    seen.add(name);
    const at = place.get(name) ?? -1;
    const before = last.get(row.stream) ?? -1;
    last.set(row.stream, Math.max(before, at));
    return at < before;
  });
}

function nameOf({ stream, id }: { readonly stream: string; readonly id: string }): string {
  return `${stream} ${id}`;
}

function isTicker({ stream }: { readonly stream: string }): boolean {
  return stream.includes(' ticker ');
}
