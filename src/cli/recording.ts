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

const CHUNK = 256;

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
    let chunk = emptyChunk(socket, 0);
    let line = 0;
    // A byte order mark and the carriage return of a line end are blanks to `trim`.
    for await (const whole of linesOf(file)) {
      line++;
      const text = whole.trim();
      if (text === '') continue;
      const read = readLine(text);
      if (typeof read === 'string') {
        onBadLine({ reason: read, line, text });
        continue;
      }
      chunk.frames.push(read.data);
      chunk.receivedAt.push(read.receivedAt);
      lines.push(line);
      if (chunk.frames.length < CHUNK) continue;
      yield chunk;
      chunk = emptyChunk(socket, lines.length);
    }
    if (chunk.frames.length > 0) yield chunk;
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

function emptyChunk(socket: SocketHandle, first: number): FrameChunk {
  return { socket, frames: [], receivedAt: [], bytes: 0, first };
}

/** Lines end at line feeds alone: the further line ends of Unicode may stand in JSON text as they are. */
async function* linesOf(file: string | undefined): AsyncGenerator<string> {
  const input: Readable = file === undefined || file === '-' ? process.stdin : createReadStream(file);
  input.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of input as AsyncIterable<string>) {
      let from = 0;
      for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', from)) {
        yield rest + chunk.slice(from, end);
        rest = '';
        from = end + 1;
      }
      rest += chunk.slice(from);
    }
    if (rest !== '') yield rest;
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

function readLine(text: string): { data: string | Uint8Array; receivedAt: number } | string {
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
  if (typeof base64 === 'string') return { data: Buffer.from(base64, 'base64'), receivedAt };
  return 'the line has neither frame nor base64';
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
