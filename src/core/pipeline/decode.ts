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
  const { socket, frames, receivedAt, arrival, bytes, lookedAt, first } = chunk;
  const scans = socket.session.scanned !== undefined;
  const asTheyAre = scans && encoding !== 'gzip';
  const texts = asTheyAre ? frames : frames.map(textAt);
  return { socket, texts, receivedAt, arrival, bytes, lookedAt, first };

  function textAt(frame: string | Uint8Array, at: number): string | Uint8Array | null {
    try {
      const whole = typeof frame !== 'string' && encoding === 'gzip' ? inflate(frame) : frame;
      return scans ? whole : textOf(whole);
    } catch (error) {
      rejected({
        socket,
        reason: `cannot be decoded: ${messageOf(error)}`,
        row: null,
        frame,
        receivedAt: receivedAt[at] as number,
        number: first + at,
      });
      return null;
    }
  }
}
