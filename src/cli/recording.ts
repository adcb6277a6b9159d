import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { systemClock } from '../common/clock.ts';
import { Fault, messageOf } from '../common/errors.ts';
import type { SocketHandle } from '../core/connection/pipe.ts';
import type { Listing } from '../core/exchange.ts';
import { isObject } from '../core/market/read-values.ts';
import type { FrameChunk } from '../core/pipeline/chunks.ts';

/** A line of a recording that holds no frame. */
export interface BadLine {
  readonly reason: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

export interface Recording {
  readonly frames: ReadableStream<FrameChunk>;
  /** Line, from 1, of the frame with this running number. */
  lineOf(number: number): number;
}

const LINE_FEED = 10;

/** Strict, as on live frames: a replacement character must not end up in a symbol. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Frames of an NDJSON recording as a socket would hand them over.
 * @param file path; undefined or `-` is standard input
 * @throws Fault input_unreadable through the stream
 */
export function recordedFrames(
  file: string | undefined,
  socket: SocketHandle,
  onBadLine: (bad: BadLine) => void,
): Recording {
  const lines: number[] = [];
  async function* chunks(): AsyncGenerator<FrameChunk> {
    let line = 0;
    for await (const batch of linesOf(file)) {
      const frames: FrameChunk['frames'] = [];
      const receivedAt: FrameChunk['receivedAt'] = [];
      const first = lines.length;
      for (const bytes of batch) {
        line++;
        const read = readLine(bytes);
        if (read === null) continue;
        if ('reason' in read) {
          onBadLine({ ...read, line });
          continue;
        }
        frames.push(read.data);
        receivedAt.push(read.receivedAt);
        lines.push(line);
      }
      const [at] = receivedAt;
      if (at === undefined) continue;
      const arrival = { at, ms: systemClock.now(), number: 0 };
      yield { socket, frames, receivedAt, arrival, bytes: 0, lookedAt: receivedAt.at(-1) ?? at, first };
    }
  }
  return { frames: streamOf(chunks()), lineOf: (number) => lines[number] ?? 0 };
}

/** Pulls one value at a time, so that a slow reader of our output slows the reading of the file. */
function streamOf<T>(values: AsyncGenerator<T>): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const { done, value } = await values.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await values.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
}

/**
 * The lines that each read of the input completes. They end at line feeds alone: the further line ends of Unicode may
 * stand in JSON text as they are.
 */
async function* linesOf(file: string | undefined): AsyncGenerator<Uint8Array[]> {
  const input: Readable = file === undefined || file === '-' ? process.stdin : createReadStream(file);
  let rest: Buffer[] = [];
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      const lines: Uint8Array[] = [];
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, from)) {
        const line = chunk.subarray(from, end);
        lines.push(rest.length === 0 ? line : Buffer.concat([...rest, line]));
        rest = [];
        from = end + 1;
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
      yield lines;
    }
    yield [Buffer.concat(rest)];
  } catch (error) {
    throw new Fault(
      'input_unreadable',
      file ?? 'standard input',
      messageOf(error),
      'Check the path and its permissions.',
      error,
    );
  }
}

interface Line {
  readonly data: string | Uint8Array;
  readonly receivedAt: number;
}

/** A recorded frame, or why the line is none; null where the line is blank. */
function readLine(bytes: Uint8Array): Line | Omit<BadLine, 'line'> | null {
  let text: string;
  try {
    text = utf8.decode(bytes).trim();
  } catch {
    return { reason: 'the line is not UTF-8', text: new TextDecoder().decode(bytes).trim() };
  }
  if (text === '') return null;
  const read = readText(text);
  return typeof read === 'string' ? { reason: read, text } : read;
}

function readText(text: string): Line | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'the line is not JSON';
  }
  if (!isObject(value)) return 'the line is not an object';
  const { frame, base64, received_at } = value;
  const receivedAt = received_at ?? systemClock.micros();
  if (typeof receivedAt !== 'number' || !Number.isSafeInteger(receivedAt))
    return 'received_at is not epoch microseconds';
  if (typeof frame === 'string') return { data: frame, receivedAt };
  if (typeof base64 !== 'string') return 'the line has neither frame nor base64';
  const data = bytesOf(base64);
  return data === null ? 'base64 is none' : { data, receivedAt };
}

/** Null where a character is none of base64: `Buffer` passes over it, and the frame would be another. */
function bytesOf(base64: string): Uint8Array | null {
  const bytes = Buffer.from(base64, 'base64');
  const characters = base64.replace(/={1,2}$/, '').length;
  return bytes.length === Math.floor((characters * 3) / 4) ? bytes : null;
}

/** A market list from a file. @throws Fault input_unreadable */
export async function readMarkets(path: string | undefined): Promise<Listing[]> {
  if (path === undefined) return [];
  try {
    const list: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (!Array.isArray(list)) throw new Error('it is not an array');
    return list.map(readListing);
  } catch (error) {
    throw new Fault(
      'input_unreadable',
      path,
      messageOf(error),
      'Give a JSON array of {"symbol","base","quote"}.',
      error,
    );
  }
}

function readListing(row: unknown, index: number): Listing {
  const { symbol, base, quote } = isObject(row) ? row : {};
  if (typeof symbol !== 'string' || typeof base !== 'string' || typeof quote !== 'string') {
    throw new Error(`element ${index} lacks symbol, base or quote`);
  }
  return { symbol, base, quote };
}
