import { performBookFault } from './books/perform.ts';
import type { Command, Which } from './commands.ts';
import type { Door } from './door.ts';
import { bigText, garbage, gzipBomb } from './garbage.ts';
import type { Ledger } from './ledger.ts';
import type { Ending } from './protocol.ts';
import type { Pulse } from './pulse.ts';
import type { SimExchange } from './sim-exchange.ts';
import { type SimSocket, subscriptionKey } from './sim-socket.ts';

export interface World {
  readonly exchanges: ReadonlyMap<string, SimExchange>;
  readonly ledger: Ledger;
  readonly pulse: Pick<Pulse<never>, 'perS'>;
  readonly bookPulse: Pick<Pulse<never>, 'perS'>;
  door(exchange: string): Door;
}

/** Carries out one command. @returns how many sockets or things it touched; throws where it names what is not there */
export async function perform(command: Command, world: World): Promise<number> {
  switch (command.do) {
    case 'close':
    case 'cut': {
      const ending: Ending =
        command.do === 'cut' ? 'abrupt' : { code: command.code ?? 1000, reason: command.reason ?? '' };
      return each(select(command, world), (socket) => socket.end(ending));
    }
    case 'stall':
    case 'resume':
      return each(select(command, world), (socket) => {
        socket.stalled = command.do === 'stall';
      });
    case 'rotate':
      return each(select(command, world), (socket) => rotate(socket, command.afterMs ?? 500));
    case 'garbage':
    case 'big':
    case 'bomb':
      return each(select(command, world), (socket) => sendFault(socket, command));
    case 'nan':
      return nan(exchangeOf(command.exchange, world), command, world);
    case 'rate':
      world.pulse.perS = command.rowsPerS;
      return 1;
    case 'book-rate':
      world.bookPulse.perS = command.changesPerS;
      return 1;
    case 'dump':
      await dump(command.file, world.ledger);
      return world.ledger.rows.length;
    case 'clear':
      world.ledger.clear();
      return 1;
    default:
      await performOnExchange(command, exchangeOf(command.exchange, world), world.door(command.exchange));
      return 1;
  }
}

/** In parts: the whole of a long run is more than a string should hold. */
async function dump(file: string, ledger: Ledger): Promise<void> {
  await Bun.write(file, '');
  const sink = Bun.file(file).writer({ highWaterMark: 1024 * 1024 });
  let count = 0;
  for (const line of ledger.ndjson()) {
    sink.write(line);
    if (++count % 5_000 === 0) await sink.flush();
  }
  await sink.end();
}

type OnExchange = Exclude<
  Command,
  {
    do:
      | 'close'
      | 'cut'
      | 'stall'
      | 'rotate'
      | 'garbage'
      | 'big'
      | 'bomb'
      | 'nan'
      | 'rate'
      | 'book-rate'
      | 'dump'
      | 'clear';
  }
>;

async function performOnExchange(command: OnExchange, exchange: SimExchange, door: Door): Promise<void> {
  switch (command.do) {
    case 'mute': {
      const { type, symbol } = command;
      exchange.muted.push({ ...(type && { type }), ...(symbol && { symbol }) });
      return;
    }
    case 'unmute':
      exchange.muted.length = 0;
      return;
    case 'duplicate':
      return exchange.duplicate(command.symbol);
    case 'reorder':
      return exchange.holdBack(command.symbol);
    case 'hole':
      return exchange.hole(command.symbol, command.count ?? 1);
    case 'event':
      for (let i = 0; i < (command.count ?? 1); i++)
        exchange.happen(command.type, command.symbol, command.atMs);
      return;
    case 'book':
      exchange.books.state(command.symbol, command.channel);
      return;
    case 'book-fault':
      return performBookFault(command, exchange.books);
    case 'refuse-open': {
      const { status, retryAfterS } = command;
      return exchange.gate.misbehave({ status, retryAfterS }, command.forMs, command.times);
    }
    case 'hang-open':
      return exchange.gate.misbehave({ hang: true }, command.forMs, command.times);
    case 'drop-open': {
      const ending: Ending = command.code === undefined ? 'abrupt' : { code: command.code, reason: '' };
      return exchange.gate.misbehave({ ending }, command.forMs, command.times);
    }
    case 'allow-open':
      return exchange.gate.misbehave(null);
    case 'shut':
      return door.shut();
    case 'reopen':
      return door.reopen();
    case 'rest': {
      const { do: _, exchange: id, forMs = Number.POSITIVE_INFINITY, times, ...fault } = command;
      const left = times ?? Number.POSITIVE_INFINITY;
      door.restFaults.set(id, { ...fault, untilMs: performance.now() + forMs, left });
      return;
    }
    case 'past': {
      const { do: _, exchange: _id, ...settings } = command;
      Object.assign(exchange.desk.settings, settings);
      return;
    }
    case 'late':
      return exchange.late(command.symbol, command.count ?? 1, command.ms ?? Number.POSITIVE_INFINITY);
    case 'shift':
      exchange.shiftMs = command.ms;
      return;
    case 'refuse':
      exchange.refused.add(command.symbol);
      return;
    case 'serve':
      exchange.refused.delete(command.symbol);
      return;
    case 'maintenance':
    case 'reopened':
      exchange.closed = command.do === 'maintenance';
      for (const socket of exchange.sockets.values())
        socket.perform(socket.conversation.announceMaintenance?.() ?? []);
      return;
    case 'room':
      exchange.room = command.codes;
      return;
    case 'list':
      exchange.list(command.base, command.quote, command.usd);
      return;
    case 'delist':
      return exchange.delist(command.symbol);
    default:
      throw new Error(`unknown command ${JSON.stringify(command)}`);
  }
}

function exchangeOf(id: string, { exchanges }: World): SimExchange {
  const exchange = exchanges.get(id);
  if (!exchange) throw new Error(`the simulator does not run ${id}`);
  return exchange;
}

function select(which: Which, world: World): SimSocket[] {
  const { exchange, socket, count } = which;
  const exchanges = exchange === undefined ? [...world.exchanges.values()] : [exchangeOf(exchange, world)];
  const open = exchanges
    .flatMap(({ sockets }) => [...sockets.values()])
    .filter(({ id, isOpen }) => isOpen && (socket === undefined || socket === id));
  return open.sort((a, b) => a.id - b.id).slice(0, count);
}

function each(sockets: readonly SimSocket[], fn: (socket: SimSocket) => void): number {
  for (const socket of sockets) fn(socket);
  return sockets.length;
}

function rotate(socket: SimSocket, afterMs: number): void {
  const { announceEnd } = socket.conversation;
  if (!announceEnd) throw new Error(`${socket.host.protocol.id} announces no end`);
  socket.perform([...announceEnd(), { do: 'end', ending: { code: 1001, reason: 'going away' }, afterMs }]);
}

function sendFault(socket: SimSocket, command: Extract<Command, { do: 'garbage' | 'big' | 'bomb' }>): void {
  const { protocol, ledger } = socket.host;
  const frame = faultyFrame(command);
  const bytes = typeof frame === 'string' ? socket.send(frame) : socket.raw(frame);
  ledger.note(protocol.id, socket.id, { what: 'fault', detail: command.do, bytes });
}

function faultyFrame(command: Extract<Command, { do: 'garbage' | 'big' | 'bomb' }>): string | Uint8Array {
  if (command.do === 'garbage') return garbage(command.kind ?? 'text');
  if (command.do === 'big')
    return bigText(command.bytes ?? 5_000_000).slice(0, command.broken ? -1 : undefined);
  return gzipBomb(command.bytes ?? 256 * 1024 * 1024);
}

function nan(exchange: SimExchange, command: Extract<Command, { do: 'nan' }>, world: World): number {
  const { type, symbol } = command;
  const key = subscriptionKey(type, symbol);
  const has = (subscription: string) => subscription === key || subscription.startsWith(`${key} `);
  const subscribed = [...exchange.sockets.values()].filter(({ subscriptions }) =>
    [...subscriptions].some(has),
  );
  return each(subscribed, (socket) => {
    for (const text of exchange.brokenFrame(socket, type, symbol)) {
      const bytes = socket.send(text);
      world.ledger.note(command.exchange, socket.id, { what: 'fault', detail: `nan ${key}`, bytes });
    }
  });
}
