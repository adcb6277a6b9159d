import { join } from 'node:path';
import { EXCHANGES } from '../../exchanges/index.ts';
import { type BookFeed, bookFeed, type Frame } from './book-feed.ts';
import { median } from './process-use.ts';

/** What the order books of an exchange cost per frame, beside the floor: receiving and parsing the very same frames. */
export interface BookCost {
  readonly exchange: string;
  /** Mean characters of a frame, and level changes that it tells. */
  readonly chars: number;
  readonly changes: number;
  /** CPU microseconds a frame: received and parsed. */
  readonly floorUs: number;
  /** Received and made into a sound row, the kept book and its checksum among it. */
  readonly rowUs: number;
  readonly ratio: number;
}

const FRAMES = 4_000;
/** Processes of either sort, in turn, and how often each receives all frames once it is warm. */
const TURNS = 3;
const TIMES = 9;

/** @param ids exchanges that are measured; all unless told */
export async function* bookCosts(ids = EXCHANGES.map(({ id }) => id)): AsyncGenerator<BookCost> {
  for (const id of ids) yield await costOf(await bookFeed(id, FRAMES));
}

async function costOf(feed: BookFeed): Promise<BookCost> {
  const { exchange, first, frames, changes } = feed;
  const server = serve([...first, ...frames]);
  try {
    const floors: number[] = [];
    const rows: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      floors.push(...(await client(feed, server.port ?? 0, 'parse')));
      rows.push(...(await client(feed, server.port ?? 0, 'read')));
    }
    const chars = frames.reduce((sum, { length }) => sum + length, 0) / frames.length;
    const [floorUs, rowUs] = [median(floors), median(rows)];
    const ratio = rowUs / floorUs;
    return { exchange: exchange.id, chars: Math.round(chars), changes, floorUs, rowUs, ratio };
  } finally {
    await server.stop(true);
  }
}

/** Sends all of them to whoever connects. */
function serve(frames: readonly Frame[]) {
  return Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      backpressureLimit: 1024 ** 3,
      open(ws) {
        ws.cork(() => {
          for (const frame of frames) ws.send(frame);
        });
      },
      message() {},
    },
  });
}

/** CPU microseconds a frame, of each time that counts. */
async function client({ exchange, first, frames }: BookFeed, port: number, mode: string): Promise<number[]> {
  const program = join(import.meta.dir, 'book-client.ts');
  const argv = [
    `ws://127.0.0.1:${port}`,
    exchange.id,
    mode,
    ...[first.length, frames.length, TIMES].map(String),
  ];
  const child = Bun.spawn([process.execPath, program, ...argv], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const [said, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`the client of ${exchange.id} ended with ${code}`);
  return JSON.parse(said) as number[];
}

export function tellBooks({ exchange, chars, changes, floorUs, rowUs, ratio }: BookCost): string {
  const frame = `${exchange.padEnd(9)} ${String(chars).padStart(5)} characters, ${changes.toFixed(1).padStart(4)} changes`;
  return `${frame}: floor ${floorUs.toFixed(2)} µs, to the row ${rowUs.toFixed(2)} µs, ratio ${ratio.toFixed(2)}`;
}

if (import.meta.main) {
  const ids = process.argv.slice(2);
  for await (const cost of bookCosts(ids.length > 0 ? ids : undefined)) console.log(tellBooks(cost));
}
