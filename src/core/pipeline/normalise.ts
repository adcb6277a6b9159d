import { messageOf } from '../../common/errors.ts';
import type { Event } from '../exchange.ts';
import type { Row } from '../market/rows.ts';
import { flaw } from '../market/validate.ts';
import type { OnRejected, RowChunk, TextChunk } from './chunks.ts';
import { textOf, textOrBytes } from './decode.ts';

/** Frames read without fault, frames with something unreadable in them, and the rows that both gave. */
export type ChunkDone = (chunk: TextChunk, parsed: number, failed: number, rows: readonly Row[]) => void;

/**
 * Text → sound rows, through the session of the socket the text came from. What a frame says about the connection
 * goes back to it; what is no sound row is reported, without harm to its neighbours.
 * @param done is told of each chunk once nothing holds its frames any more
 */
export function normalise(rejected: OnRejected, done: ChunkDone): TransformStream<TextChunk, RowChunk> {
  return new TransformStream({
    transform(chunk, controller) {
      const rows = normaliseChunk(chunk, rejected, done);
      if (rows.length > 0) controller.enqueue({ socket: chunk.socket, rows, arrival: chunk.arrival });
    },
  });
}

function normaliseChunk(chunk: TextChunk, rejected: OnRejected, done: ChunkDone): Row[] {
  const { socket, texts, receivedAt, first } = chunk;
  const { session } = socket;
  const rows: Row[] = [];
  let failed = 0;
  let text: string | Uint8Array = '';
  let number = 0;
  let arrivedAt = chunk.arrival.at;
  let sound = true;

  function reject(reason: string, row: number | null): void {
    sound = false;
    rejected({ socket, reason, row, frame: textOrBytes(text), receivedAt: arrivedAt, number });
  }

  function emit(event: Event, row?: number): void {
    switch (event.kind) {
      case 'ticker':
      case 'trade':
      case 'orderbook': {
        const wrong = flaw(event);
        if (wrong === null) rows.push(event);
        else reject(wrong, row ?? null);
        return;
      }
      case 'reject':
        reject(event.reason, event.row);
        return;
      case 'checked':
      case 'checksum':
      case 'broken':
        return;
      default:
        socket.control(event);
    }
  }

  function read(): void {
    const { scanned } = session;
    const frame = scanned?.scan(text);
    if (scanned && frame) return scanned.read(frame, arrivedAt, emit);
    try {
      text = textOf(text);
    } catch (error) {
      return reject(`cannot be decoded: ${messageOf(error)}`, null);
    }
    session.read(text, arrivedAt, emit);
  }

  for (let i = 0; i < texts.length; i++) {
    const one = texts[i] ?? null;
    if (one === null) {
      failed++;
      continue;
    }
    text = one;
    number = first + i;
    arrivedAt = receivedAt[i] as number;
    sound = true;
    try {
      read();
    } catch (error) {
      // A plug-in must not throw; if one does, one frame is lost to ws.dlq and the socket lives on.
      reject(`plug-in failed: ${messageOf(error)}`, null);
    }
    if (!sound) failed++;
  }
  session.look?.(chunk.lookedAt, emit);
  done(chunk, texts.length - failed, failed, rows);
  return rows;
}
