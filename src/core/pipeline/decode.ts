import { messageOf } from '../../common/errors.ts';
import type { Exchange } from '../exchange.ts';
import type { FrameChunk, OnRejected, TextChunk } from './chunks.ts';
import { inflate } from './inflate.ts';

/** Strict: a frame with broken UTF-8 is no frame, and a replacement character must not end up in a symbol. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes → text, inflating where the exchange sends gzip. Text frames pass as they are. */
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
  const texts: string[] = [];
  const receivedAt: number[] = [];
  const numbers: number[] = [];
  const { frames, first } = chunk;
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as string | Uint8Array;
    const number = first + i;
    try {
      texts.push(
        typeof frame === 'string' ? frame : utf8.decode(encoding === 'gzip' ? inflate(frame) : frame),
      );
      receivedAt.push(chunk.receivedAt[i] as number);
      numbers.push(number);
    } catch (error) {
      rejected({
        socket: chunk.socket,
        reason: `cannot be decoded: ${messageOf(error)}`,
        row: null,
        frame,
        receivedAt: chunk.receivedAt[i] as number,
        number,
      });
    }
  }
  return {
    socket: chunk.socket,
    texts,
    arrival: chunk.arrival,
    receivedAt,
    numbers,
    failed: frames.length - texts.length,
    bytes: chunk.bytes,
    lookedAt: chunk.lookedAt,
  };
}
