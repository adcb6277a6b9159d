import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';
import { type Ended, ends, ROOT } from './program.ts';

// A process each, on a busy machine.
setDefaultTimeout(30_000);

const folder = scratchDir('replay');
mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Fixture {
  readonly type: string;
  readonly symbols?: unknown;
  readonly before?: unknown;
  readonly expect: readonly unknown[];
  readonly rejects?: number;
}

interface Replayed {
  readonly code: number;
  readonly rows: Record<string, unknown>[];
  /** What standard error holds. */
  readonly told: Record<string, unknown>[];
}

function objectsOf(ndjson: string): Record<string, unknown>[] {
  return ndjson
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function read({ code, out, err }: Ended): Replayed {
  return { code, rows: objectsOf(out), told: objectsOf(err) };
}

async function replay(
  exchange: string,
  type: string,
  input: string,
  ...more: readonly string[]
): Promise<Replayed> {
  return read(await ends(['replay', '--exchange', exchange, '--type', type, ...more], {}, { stdin: input }));
}

/** A line of a recording. */
function line(frame: unknown, receivedAt: number | null = 1_700_000_000_000_000): string {
  const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
  return JSON.stringify({ frame: text, ...(receivedAt === null ? {} : { received_at: receivedAt }) });
}

function upbitTrade(id: number, price: unknown = 100): Record<string, unknown> {
  return {
    type: 'trade',
    code: 'KRW-BTC',
    trade_timestamp: 1_700_000_000_000,
    trade_price: price,
    trade_volume: 0.5,
    ask_bid: 'BID',
    sequential_id: id,
    stream_type: 'REALTIME',
  };
}

const ids = (rows: readonly Record<string, unknown>[]) => rows.map(({ trade_id }) => trade_id);

describe('the recorded frames', () => {
  test.each(['upbit', 'binance', 'huobi'])('of %s give the rows they stand beside, in order', async (id) => {
    const all = (await Bun.file(join(ROOT, 'test', 'frames', `${id}.ndjson`)).text())
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => ({ text, fixture: JSON.parse(text) as Fixture }))
      .filter(({ fixture }) => fixture.symbols === undefined && fixture.before === undefined);
    for (const type of ['ticker', 'trade']) {
      const of = all.filter(({ fixture }) => fixture.type === type);
      const { code, rows, told } = await replay(id, type, of.map(({ text }) => text).join('\n'));
      expect(code).toBe(0);
      expect(rows).toEqual(of.flatMap(({ fixture }) => fixture.expect as Record<string, unknown>[]));
      expect(told).toHaveLength(of.reduce((sum, { fixture }) => sum + (fixture.rejects ?? 0), 0));
    }
  });
});

describe('order', () => {
  test('rows come in the order of the frames, repeats included, over many chunks', async () => {
    const input = Array.from({ length: 1500 }, (_, i) => line(upbitTrade(Math.floor(i / 2)))).join('\n');
    const { code, rows, told } = await replay('upbit', 'trade', input);
    expect(code).toBe(0);
    expect(told).toEqual([]);
    expect(ids(rows)).toEqual(Array.from({ length: 1500 }, (_, i) => String(Math.floor(i / 2))));
  });

  test('what is no row is told by line, in order, whatever stage found it; neighbours come out', async () => {
    const input = [
      line('no json'),
      '',
      line(upbitTrade(1)),
      'no line',
      '   ',
      JSON.stringify({ base64: Buffer.from([0xff, 0xff]).toString('base64') }),
      line(upbitTrade(2, 'NaN')),
      '[1]',
      '{"other":1}',
      '{"frame":"x","received_at":"now"}',
      line(upbitTrade(3)),
    ].join('\r\n');
    const { code, rows, told } = await replay('upbit', 'trade', input);
    expect(code).toBe(0);
    expect(ids(rows)).toEqual(['1', '3']);
    expect(told.map((one) => one.line)).toEqual([1, 4, 6, 7, 8, 9, 10]);
    for (const one of told) expect(Object.keys(one).sort()).toEqual(['frame', 'line', 'rejected', 'row']);
    expect(told[0]).toMatchObject({ frame: 'no json', row: null });
    expect(told[1]).toMatchObject({ frame: 'no line', row: null });
    expect(told[3]).toMatchObject({ frame: JSON.stringify(upbitTrade(2, 'NaN')), row: null });
    expect(told[3]?.rejected).toContain('price');
  });

  test('an element of an array is told by its index; its neighbours come out', async () => {
    const trade = (i: string, p: unknown) => ({ i, T: 1_700_000_000_000, p, v: '1', S: 'Buy', s: 'BTCUSDT' });
    const frame = (data: unknown[]) => line({ topic: 'publicTrade.BTCUSDT', type: 'snapshot', data });
    const { rows, told } = await replay(
      'bybit',
      'trade',
      [
        frame([trade('a', '1'), trade('b', 'x'), 7, trade('c', '2'), trade('d', null)]),
        frame([trade('e', '')]),
        frame([trade('f', '3')]),
      ].join('\n'),
    );
    expect(ids(rows)).toEqual(['a', 'c', 'f']);
    expect(told.map((one) => [one.line, one.row])).toEqual([
      [1, 1],
      [1, 2],
      [1, 4],
      [2, 0],
    ]);
  });
});

describe('input', () => {
  test('standard input, a dash and a file are the same', async () => {
    const file = join(folder, 'frames.ndjson');
    const input = `${line(upbitTrade(1))}\n${line(upbitTrade(2))}\n`;
    writeFileSync(file, input);
    const argv = ['replay', '--exchange', 'upbit', '--type', 'trade'];
    const [piped, dashed, named] = await Promise.all([
      ends(argv, {}, { stdin: input }),
      ends([...argv, '-'], {}, { stdin: input }),
      ends([...argv, file]),
    ]);
    expect(ids(read(piped).rows)).toEqual(['1', '2']);
    expect(dashed).toEqual(piped);
    expect(named).toEqual(piped);
  });

  test('nothing in, nothing out', async () => {
    const told = [{ warning: 'no frame was read from standard input' }];
    expect(await replay('upbit', 'trade', '')).toEqual({ code: 0, rows: [], told });
    expect(await replay('upbit', 'trade', '\n\n')).toEqual({ code: 0, rows: [], told });
  });

  test('received_at is the recorded one, else the clock', async () => {
    const before = Date.now() * 1000;
    const { rows } = await replay(
      'upbit',
      'trade',
      `${line(upbitTrade(1), 1_600_000_000_123_456)}\n${line(upbitTrade(2), null)}`,
    );
    expect(rows[0]?.received_at).toBe(1_600_000_000_123_456);
    expect(Number(rows[1]?.received_at)).toBeGreaterThanOrEqual(before);
    expect(Number(rows[1]?.received_at)).toBeLessThan(Date.now() * 1000 + 1_000_000);
  });

  test('base64 is bytes: text for most, one gzip member for an exchange that sends gzip', async () => {
    const text = JSON.stringify(upbitTrade(7));
    const plain = JSON.stringify({ base64: Buffer.from(text).toString('base64') });
    expect(ids((await replay('upbit', 'trade', plain)).rows)).toEqual(['7']);
    const ticker = JSON.stringify({
      ch: 'market.btcusdt.ticker',
      ts: 1_700_000_000_000,
      tick: { close: 100.5 },
    });
    const zipped = (bytes: Uint8Array) => JSON.stringify({ base64: Buffer.from(bytes).toString('base64') });
    const { rows, told } = await replay(
      'huobi',
      'ticker',
      [zipped(Bun.gzipSync(Buffer.from(ticker))), zipped(Buffer.from(ticker)), line(ticker)].join('\n'),
    );
    expect(rows.map(({ code, close }) => [code, close])).toEqual([
      ['USDT-BTC', 100.5],
      ['USDT-BTC', 100.5],
    ]);
    expect(told).toMatchObject([{ line: 2, row: null }]);
  });
});

describe('flags', () => {
  test('--markets names base and quote of symbols that tell neither, and filters nothing', async () => {
    const file = join(folder, 'markets.json');
    writeFileSync(file, JSON.stringify([{ symbol: 'ABCXYZ', base: 'ABC', quote: 'XYZ' }]));
    const trade = (s: string) => ({
      e: 'trade',
      E: 1,
      s,
      t: 1,
      p: '2',
      q: '3',
      T: 1_700_000_000_000,
      m: false,
    });
    const input = [line(trade('ABCXYZ')), line(trade('BTCUSDT'))].join('\n');
    const named = await replay('binance', 'trade', input, '--markets', file);
    expect(named.rows.map(({ code }) => code)).toEqual(['XYZ-ABC', 'USDT-BTC']);
    const unnamed = await replay('binance', 'trade', input);
    expect(unnamed.rows.map(({ code }) => code)).toEqual(['USDT-BTC']);
    expect(unnamed.told).toMatchObject([{ line: 1, row: null }]);
  });

  test('--symbols filters nothing', async () => {
    const { rows } = await replay('upbit', 'trade', line(upbitTrade(1)), '--symbols', 'KRW-ETH,KRW-XRP');
    expect(ids(rows)).toEqual(['1']);
  });

  test('--symbols are spelt as in a command where there is a market list', async () => {
    const list = join(folder, 'codes.json');
    writeFileSync(list, JSON.stringify([{ symbol: 'tDUSK:USD', base: 'DUSK', quote: 'USD' }]));
    const frame = line([6957, 'te', [1, 1_700_000_000_000, -2, 3]]);
    for (const asked of ['tDUSK:USD', 'USD-DUSK', 'tdusk:usd']) {
      const { rows } = await replay('bitfinex', 'trade', frame, '--symbols', asked, '--markets', list);
      expect(rows).toMatchObject([{ symbol: 'tDUSK:USD', code: 'USD-DUSK', side: 'SELL' }]);
    }
  });

  test.each([
    [['--exchange', 'mtgox', '--type', 'trade'], 'mtgox'],
    [['--exchange', 'upbit', '--type', 'candles'], 'candles'],
    [['--exchange', 'upbit'], '--type'],
    [['--type', 'trade'], '--exchange'],
    [['--exchange', 'upbit', '--type', 'trade', 'a', 'b'], 'b'],
    [['--exchange', 'upbit', '--type', 'trade', '/nowhere'], '/nowhere'],
    [['--exchange', 'upbit', '--type', 'trade', '--markets', '/nowhere'], '/nowhere'],
    [['--exchange', 'upbit', '--type', 'trade', '--markets', join(ROOT, 'package.json')], 'package.json'],
  ])('%p: 64, naming %s', async (argv, word) => {
    const { code, out, err } = await ends(['replay', ...argv]);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(err).toContain(word);
  });
});

test('standard output that nobody reads ends it quietly, with 0', async () => {
  const file = join(folder, 'many.ndjson');
  writeFileSync(file, Array.from({ length: 20_000 }, (_, i) => line(upbitTrade(i))).join('\n'));
  const command = `"${process.execPath}" index.ts replay --exchange upbit --type trade "${file}" | head -n 1; echo \${PIPESTATUS[0]}`;
  const shell = Bun.spawn(['bash', '-c', command], { cwd: ROOT, stdout: 'pipe', stderr: 'pipe' });
  const [out, err] = await Promise.all([shell.stdout.text(), shell.stderr.text()]);
  const [first = '', code] = out.trim().split('\n');
  expect(JSON.parse(first)).toMatchObject({ trade_id: '0' });
  expect({ code, err }).toEqual({ code: '0', err: '' });
});

test('rows come out while the input is still open', async () => {
  const argv = [process.execPath, 'index.ts', 'replay', '--exchange', 'upbit', '--type', 'trade'];
  const child = Bun.spawn(argv, { cwd: ROOT, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' });
  const output = child.stdout.getReader();
  for (const id of [1, 2]) {
    child.stdin.write(`${line(upbitTrade(id))}\n`);
    await child.stdin.flush();
    const { value } = await output.read();
    expect(ids(objectsOf(new TextDecoder().decode(value)))).toEqual([String(id)]);
  }
  await child.stdin.end();
  expect(await child.exited).toBe(0);
});
