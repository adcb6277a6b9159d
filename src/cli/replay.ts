import { EXIT } from '../common/errors.ts';
import { openSession } from '../core/books/open-session.ts';
import type { SocketHandle } from '../core/connection/pipe.ts';
import { resolver } from '../core/desired/resolve.ts';
import type { Exchange, Listing } from '../core/exchange.ts';
import type { RequestType } from '../core/market/market.ts';
import { Markets } from '../core/market/markets.ts';
import type { Rejected, RowChunk } from '../core/pipeline/chunks.ts';
import { decode } from '../core/pipeline/decode.ts';
import { flatten } from '../core/pipeline/flatten.ts';
import { normalise } from '../core/pipeline/normalise.ts';
import { commaList, readArgs } from './args.ts';
import type { Command } from './command.ts';
import { pickExchange, pickType } from './pick.ts';
import { type BadLine, readMarkets, recordedFrames } from './recording.ts';
import { writeOut } from './stdout.ts';

/** `replay` */
export const replay: Command = {
  name: 'replay',
  summary: 'recorded frames in, rows out, through the stages of live data',
  usage: `kor-coin-stream replay --exchange ID --type ticker|trade|orderbook [--symbols A,B] [--markets M.json] [FILE]

Reads recorded frames as NDJSON from FILE or standard input: {"frame":"text"} or {"base64":"…"}, with an optional
received_at in epoch µs. Writes rows as NDJSON to standard output, in order, without deduplication. What is no row goes
to standard error as {"rejected":reason,"line":n,"row":i|null,"frame":"…"}.

--symbols A,B      what the recorded socket had subscribed, where frames name no symbol; filters nothing
--markets M.json   [{"symbol","base","quote"}] for symbols without a separator; without it they are split by suffix`,
  async run(args) {
    const read = readArgs(
      'replay',
      args,
      { exchange: 'string', type: 'string', symbols: 'string', markets: 'string' },
      1,
    );
    const exchange = pickExchange('replay', read.value('exchange'));
    const type = pickType('replay', exchange, read.value('type'));
    const listings = await readMarkets(read.value('markets'));
    await replayFrames(exchange, type, listings, commaList(read.value('symbols')), read.positionals[0]);
    return EXIT.ok;
  },
};

async function replayFrames(
  exchange: Exchange,
  type: RequestType,
  listings: readonly Listing[],
  symbols: readonly string[],
  file: string | undefined,
): Promise<void> {
  const markets = new Markets(exchange.markets.split, listings);
  const session = openSession(exchange, type, markets, { recorded: true });
  const resolve = resolver(markets, exchange.region);
  const subscribed = symbols.flatMap((symbol) => resolve(symbol) ?? markets.get(symbol) ?? []);
  session.open();
  session.change(subscribed, subscribed, []);
  const socket: SocketHandle = {
    id: 0,
    session,
    predecessor: null,
    control() {},
    data() {},
  };
  const refusals = new Refusals();
  let read = 0;
  const recording = recordedFrames(file, socket, (bad) => refusals.add({ ...bad, row: null }));
  const report = ({ reason, row, frame, number }: Rejected): void =>
    refusals.add({
      reason,
      line: recording.lineOf(number),
      row,
      text: typeof frame === 'string' ? frame : new TextDecoder().decode(frame),
    });
  await recording.frames
    .pipeThrough(decode(exchange.encoding, report))
    .pipeThrough(
      normalise(report, ({ texts, first }) => {
        read += texts.length;
        refusals.print(recording.lineOf(first + texts.length - 1));
      }),
    )
    .pipeTo(rowPrinter(exchange))
    .catch((error: unknown) => {
      if (error !== NOBODY_READS) throw error;
    })
    .finally(() => refusals.print(Number.POSITIVE_INFINITY));
  if (read === 0)
    console.error(JSON.stringify({ warning: `no frame was read from ${file ?? 'standard input'}` }));
}

/** Why the pipe ends early when standard output was closed. */
const NOBODY_READS = Symbol('nobody reads');

function rowPrinter(exchange: Exchange): WritableStream<RowChunk> {
  return new WritableStream({
    async write({ rows }) {
      const lines = rows.map((row) => `${JSON.stringify(flatten(row, exchange.id, exchange.region))}\n`);
      if (!(await writeOut(lines.join('')))) throw NOBODY_READS;
    },
  });
}

interface Refusal extends BadLine {
  readonly row: number | null;
}

/** What is no row comes from several stages, each of which is ahead of the next one; printed, it is in order. */
class Refusals {
  #waiting: Refusal[] = [];

  add(refusal: Refusal): void {
    this.#waiting.push(refusal);
  }

  /** Prints those up to that line, which every stage has passed. */
  print(line: number): void {
    const passed = this.#waiting.filter((refusal) => refusal.line <= line);
    if (passed.length === 0) return;
    this.#waiting = this.#waiting.filter((refusal) => refusal.line > line);
    for (const { reason, line: at, row, text } of passed.sort((a, b) => a.line - b.line))
      console.error(JSON.stringify({ rejected: reason, line: at, row, frame: text }));
  }
}
