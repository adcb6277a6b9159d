import { messageOf } from '../../common/errors.ts';
import type { Exchange } from '../exchange.ts';
import type { FrameChunk, OnRejected, TextChunk } from './chunks.ts';
import { inflate } from './inflate.ts';

/** Strict: a frame with broken UTF-8 is no frame, and a replacement character must not end up in a symbol. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of a frame that may be bytes. @throws {TypeError} where they are no UTF-8 */
export function textOf(frame: string | Uint8Array): string {
  return typeof frame === 'string' ? frame : utf8.decode(frame);
}

/** The same for who shows it: bytes that are no UTF-8 stay what they are. */
export function textOrBytes(frame: string | Uint8Array): string | Uint8Array {
  try {
    return textOf(frame);
  } catch {
    return frame;
  }
}

/**
 * Bytes → text, inflating where the exchange sends gzip. Text frames pass as they are, and so do bytes that the session
 * may read without making text of them.
 */
export function decode(
  encoding: Exchange['encoding'],
  rejected: OnRejected,
): TransformStream<FrameChunk, TextChunk> {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(decodeChunk(chunk, encoding, rejected));
    },
  });
}

function decodeChunk(chunk: FrameChunk, encoding: Exchange['encoding'], rejected: OnRejected): TextChunk {
  const texts: (string | Uint8Array)[] = [];
  const receivedAt: number[] = [];
  const numbers: number[] = [];
  const { frames, first, socket } = chunk;
  const scans = socket.session.scanned !== undefined;
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as string | Uint8Array;
    const number = first + i;
    try {
      const whole = typeof frame !== 'string' && encoding === 'gzip' ? inflate(frame) : frame;
      texts.push(scans ? whole : textOf(whole));
      receivedAt.push(chunk.receivedAt[i] as number);
      numbers.push(number);
    } catch (error) {
      rejected({
        socket,
        reason: `cannot be decoded: ${messageOf(error)}`,
        row: null,
        frame,
        receivedAt: chunk.receivedAt[i] as number,
        number,
      });
    }
  }
  return {
    socket,
    texts,
    arrival: chunk.arrival,
    receivedAt,
    numbers,
    failed: frames.length - texts.length,
    bytes: chunk.bytes,
    lookedAt: chunk.lookedAt,
  };
}
