import type { Observed } from './observed.ts';

/** Rows and messages that wait longer for their acknowledgement, in ms, make a collector unready. */
const PATIENCE_MS = 15_000;
/** And from here on they are worth a warning, so that nobody is told later than that. */
const DOUBT_MS = 8000;

/** How long the oldest has been waiting that is not acknowledged, in ms; 0 where nothing waits. */
export interface Waiting {
  /** Of all streams, those that were stopped and still have rows under way included. */
  readonly rowsMs: number;
  /** The stream that it is of, `upbit trade`, and how many streams wait longer than is patient. */
  readonly stream: string;
  readonly streams: number;
  /** Of the messages about the data. */
  readonly messagesMs: number;
}

type Watched = Pick<Observed, 'orchestrator' | 'publisher'>;

export function waiting({ orchestrator, publisher }: Watched): Waiting {
  return { ...rowsOf(orchestrator), messagesMs: publisher.waitedMs() };
}

function rowsOf(orchestrator: Watched['orchestrator']): Omit<Waiting, 'messagesMs'> {
  const all = orchestrator.unacknowledged();
  const [first] = all.toSorted((a, b) => b.waitedMs - a.waitedMs);
  return {
    rowsMs: first?.waitedMs ?? 0,
    stream: first ? `${first.target.exchange} ${first.target.request_type}` : '',
    streams: all.filter(({ waitedMs }) => waitedMs > PATIENCE_MS).length,
  };
}

/** Why nothing comes through, whoever holds it up: what waits longer than it may. */
export function waitingReasons(observed: Watched): Wait[] {
  const { messagesMs, ...rows } = waiting(observed);
  const reasons: Wait[] = rows.rowsMs > PATIENCE_MS ? [rowsWait(rows)] : [];
  if (messagesMs > PATIENCE_MS)
    reasons.push({ what: 'messages', why: `messages about the data wait: oldest ${seconds(messagesMs)} s` });
  return reasons;
}

/** Rows that wait for long, and not yet so long that the collector is unready for it. */
export function waitingWarnings(orchestrator: Watched['orchestrator']): Wait[] {
  const rows = rowsOf(orchestrator);
  return rows.rowsMs > DOUBT_MS && rows.rowsMs <= PATIENCE_MS ? [rowsWait(rows)] : [];
}

interface Wait {
  readonly what: string;
  readonly why: string;
}

function rowsWait({ rowsMs, stream, streams }: Omit<Waiting, 'messagesMs'>): Wait {
  const more = streams > 1 ? `, ${streams} streams in all` : '';
  return { what: 'rows', why: `rows wait: oldest ${seconds(rowsMs)} s, stream ${stream}${more}` };
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
