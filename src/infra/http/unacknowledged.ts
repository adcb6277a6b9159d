import type { Observed } from './observed.ts';

/** Rows and messages that wait longer for their acknowledgement, in ms, make a collector unready. */
const PATIENCE_MS = 15_000;

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

type Watched = Pick<Observed, 'orchestrator' | 'outbox'>;

export function waiting({ orchestrator, outbox }: Watched): Waiting {
  const all = orchestrator.unacknowledged();
  const [first] = all.toSorted((a, b) => b.waitedMs - a.waitedMs);
  return {
    rowsMs: first?.waitedMs ?? 0,
    stream: first ? `${first.target.exchange} ${first.target.request_type}` : '',
    streams: all.filter(({ waitedMs }) => waitedMs > PATIENCE_MS).length,
    messagesMs: outbox.waitedMs(),
  };
}

/** Why nothing comes through, whoever holds it up: what waits longer than it may. */
export function waitingReasons(observed: Watched): { what: string; why: string }[] {
  const { rowsMs, stream, streams, messagesMs } = waiting(observed);
  const reasons: { what: string; why: string }[] = [];
  const more = streams > 1 ? `, ${streams} streams in all` : '';
  if (rowsMs > PATIENCE_MS)
    reasons.push({ what: 'rows', why: `rows wait: oldest ${seconds(rowsMs)} s, stream ${stream}${more}` });
  if (messagesMs > PATIENCE_MS)
    reasons.push({ what: 'messages', why: `messages about the data wait: oldest ${seconds(messagesMs)} s` });
  return reasons;
}

function seconds(ms: number): number {
  return Math.round(ms / 1000);
}
