import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { systemClock } from '../common/clock.ts';
import { EXIT, type ExitCode, Fault, messageOf } from '../common/errors.ts';
import { connectionSettings } from '../config/connection-settings.ts';
import type { Settings } from '../config/settings.ts';
import { rewriteAddress } from '../core/address.ts';
import { Connection } from '../core/connection/connection.ts';
import type { FrameSink, SocketHandle } from '../core/connection/pipe.ts';
import { resolver } from '../core/desired/resolve.ts';
import { unknownSymbols } from '../core/desired/unknown-symbol.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Market, RequestType } from '../core/market/market.ts';
import type { Markets } from '../core/market/markets.ts';
import { ByteBudget } from '../core/pipeline/budget.ts';
import type { RowChunk } from '../core/pipeline/chunks.ts';
import { decode } from '../core/pipeline/decode.ts';
import { frameSource } from '../core/pipeline/frames.ts';
import { normalise } from '../core/pipeline/normalise.ts';
import { StreamStats } from '../core/pipeline/stream-stats.ts';
import { bunSockets } from '../infra/websocket/open-socket.ts';
import { commaList, readArgs, usage } from './args.ts';
import type { Command } from './command.ts';
import { accessExchanges } from './exchange-access.ts';
import { pickExchange, pickType } from './pick.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';

/** `record` */
export const record: Command = {
  name: 'record',
  summary: 'live frames of one stream, as replay reads them',
  usage: `kor-coin-stream record --exchange ID --type ticker|trade|orderbook --symbols A,B [--seconds N] [FILE]

Writes every frame as it comes, {"frame":"text"} or {"base64":"…"} with received_at in epoch µs, to FILE or standard
output, for N seconds or until a signal. What goes on with the connection is told on standard error.

${SETTINGS_USAGE}`,
  async run(args) {
    const flags = {
      ...SETTINGS_FLAGS,
      exchange: 'string',
      type: 'string',
      symbols: 'string',
      seconds: 'string',
    } as const;
    const read = readArgs('record', args, flags, 1);
    const exchange = pickExchange('record', read.value('exchange'));
    const type = pickType('record', exchange, read.value('type'));
    const symbols = commaList(read.value('symbols'));
    if (symbols.length === 0) throw usage('record', '--symbols is missing.');
    const seconds = Number(read.value('seconds') ?? Number.POSITIVE_INFINITY);
    if (!(seconds > 0)) throw usage('record', '--seconds is not a number above 0.');
    const out = await outputOf(read.positionals[0]);
    return recordFrames(settingsOf(read), exchange.id, type, symbols, seconds, out);
  },
};

const UNREACHABLE = 'Check network, DNS, firewall and proxy: kor-coin-stream check.';

async function recordFrames(
  settings: Settings,
  id: string,
  type: RequestType,
  symbols: readonly string[],
  seconds: number,
  out: Writable,
): Promise<ExitCode> {
  const access = accessExchanges(settings, systemClock, (_, fault) => console.error(fault.message));
  const parts = await access.parts(id);
  let sockets = 0;
  let lastFailure = 'nothing came';
  const connection = new Connection(
    {
      ...parts,
      type,
      url: rewriteAddress(parts.exchange.endpoint(type, parts.book ?? undefined), parts.url),
      settings: connectionSettings(settings),
      clock: systemClock,
      openSocket: bunSockets(systemClock, settings.connection.max_frame_bytes),
      pipe: (socket) => frameWriter(socket, out, parts.exchange.encoding),
      nextSocketId: () => ++sockets,
    },
    {
      state: (state, { reason }) => console.error(reason ? `${state}: ${reason}` : state),
      confirmed: ({ symbol }) => console.error(`confirmed: ${symbol}`),
      refused: (markets, { kind, reason }) =>
        console.error(`${kind}: ${markets.map(({ symbol }) => symbol).join(', ')}: ${reason}`),
      unanswered() {},
      announced: (reason) => console.error(`announced: ${reason}`),
      served: ({ symbol }) => console.error(`served: ${symbol}`),
      gap() {},
      silent() {},
      failed(_, { reason, waitMs }) {
        lastFailure = reason;
        console.error(`${reason}; again in ${Math.round(waitMs)} ms`);
      },
    },
  );
  const resolve = resolver(parts.markets, parts.exchange.region);
  connection.update(symbols.map((symbol) => wanted(resolve(symbol), symbol, id, parts.markets)));
  const done = untilDone(seconds, out);
  const unreachable = Promise.withResolvers<never>();
  const demandFrames = (): void => {
    if (connection.snapshot().frames === 0)
      throw new Fault('exchange_unreachable', id, `${lastFailure}.`, UNREACHABLE);
  };
  const cancel = systemClock.after(settings.startup.timeout_ms, () => {
    try {
      demandFrames();
    } catch (error) {
      unreachable.reject(error);
    }
  });
  connection.start();
  try {
    if ((await Promise.race([done, unreachable.promise])) === 'time is up') demandFrames();
  } finally {
    cancel();
    await connection.stop();
    access.stop();
  }
  await new Promise<void>((resolve) => out.write('', () => resolve()));
  return EXIT.ok;
}

function wanted(market: Market | null, symbol: string, id: string, markets: Markets): Market {
  if (market) return market;
  if (!markets.known)
    throw new Fault(
      'exchange_unreachable',
      id,
      `Without its market list ${symbol} means nothing.`,
      UNREACHABLE,
    );
  throw usage('record', `--symbols: ${unknownSymbols(markets, id)(symbol)}.`.replace(/\?\.$/, '?'));
}

/** Writes frames down, and reads them for what keeps the connection going: acks, pings, data per code. */
function frameWriter(socket: SocketHandle, out: Writable, encoding: Exchange['encoding']): FrameSink {
  const account = new ByteBudget(Number.POSITIVE_INFINITY).open('trade', () => {});
  const { sink, frames } = frameSource(socket, account, new StreamStats(), (at) => ({
    at,
    ms: systemClock.now(),
    number: 0,
  }));
  const read = new WritableStream<RowChunk>({
    write({ rows }) {
      for (const { market, timestamp } of rows) socket.data(market, systemClock.now(), 1, timestamp);
    },
  });
  const ignore = (): void => {};
  void frames.pipeThrough(decode(encoding, ignore)).pipeThrough(normalise(ignore, ignore)).pipeTo(read);
  return {
    push(data, receivedAt) {
      const frame =
        typeof data === 'string' ? { frame: data } : { base64: Buffer.from(data).toString('base64') };
      out.write(`${JSON.stringify({ ...frame, received_at: receivedAt })}\n`);
      sink.push(data, receivedAt);
    },
    end: () => sink.end(),
  };
}

async function outputOf(file: string | undefined): Promise<Writable> {
  if (file === undefined) return process.stdout;
  const stream = createWriteStream(file);
  return new Promise((resolve, reject) => {
    stream.once('open', () => resolve(stream));
    stream.once('error', (error) =>
      reject(
        new Fault('input_unreadable', file, messageOf(error), 'Give a file that can be written.', error),
      ),
    );
  });
}

/** Until the time is up, a signal came, or nobody reads any more. @throws Fault undelivered where writing fails */
function untilDone(seconds: number, out: Writable): Promise<'time is up' | 'told to end'> {
  return new Promise((resolve, reject) => {
    if (Number.isFinite(seconds)) systemClock.after(seconds * 1000, () => resolve('time is up'));
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => resolve('told to end'));
    out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return resolve('told to end');
      reject(new Fault('undelivered', 'the recording', error.message, 'Look after the disk.', error));
    });
  });
}
