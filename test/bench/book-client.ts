import { EXCHANGES } from '../../exchanges/index.ts';
import { textOf } from '../../src/core/pipeline/decode.ts';
import { bookSession, type Frame } from './book-feed.ts';
import { BookReader } from './book-reader.ts';

/**
 * Receives the frames of a feed over and over, and either parses them and does nothing else, or reads them into rows. A
 * process of its own.
 *
 *   bun test/bench/book-client.ts URL EXCHANGE parse|read FIRST FRAMES TIMES
 *
 * FIRST are frames until all books are whole, FRAMES those that come then and count. Prints CPU microseconds a frame of
 * each time, as a list.
 */
const [url = '', id = '', mode = 'parse', ...numbers] = process.argv.slice(2);
const [first = 0, count = 0, times = 0] = numbers.map(Number);
const exchange = EXCHANGES.find((one) => one.id === id);
if (!exchange || count === 0) throw new Error(`cannot measure ${count} frames of ${id}`);
/** As the settings have it unless told otherwise. */
const KEYFRAME_MS = 60_000;
const WARM_UP_MS = 3_000;
let sink: unknown;

function parser(): (frame: Frame) => void {
  return (frame) => {
    sink = JSON.parse(textOf(frame));
  };
}

/** @returns microseconds of CPU a frame. @throws {Error} where the connection ends early, or what it brought was not read */
async function once(): Promise<number> {
  const reader = exchange && mode === 'read' ? new BookReader(bookSession(exchange, KEYFRAME_MS)) : null;
  const take = reader ? (frame: Frame) => reader.read(frame) : parser();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const ws = new WebSocket(url);
  ws.binaryType = 'nodebuffer';
  let got = 0;
  let rows = 0;
  let cpu = process.cpuUsage();
  ws.addEventListener('close', () => reject(new Error(`the connection ended after ${got} frames`)));
  ws.addEventListener('message', ({ data }) => {
    take(data);
    if (++got === first) {
      cpu = process.cpuUsage();
      rows = reader?.rows ?? 0;
    } else if (got === first + count) {
      const { user, system } = process.cpuUsage(cpu);
      resolve((user + system) / count);
    }
  });
  const us = await promise;
  ws.close();
  if (reader && (reader.wrong !== '' || reader.rows - rows < count / 2))
    throw new Error(`${id}: ${reader.rows - rows} rows of ${count} frames ${reader.wrong}`);
  return us;
}

// Code is compiled, and buffers have their size, after this.
for (const until = performance.now() + WARM_UP_MS; performance.now() < until; ) await once();
const all: number[] = [];
for (let n = 0; n < times; n++) all.push(await once());
if (mode === 'parse' && typeof sink !== 'object') throw new Error('nothing was parsed');
console.log(JSON.stringify(all));
process.exit(0);
