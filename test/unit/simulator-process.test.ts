import { expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { PlainClient } from '../simulator/plain-client.ts';
import { spawnSimulator } from '../simulator/process.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

test('as a process of its own it serves, obeys and ends', async () => {
  const flags = ['--exchanges', 'upbit,binance', '--symbols', '300', '--rate', '500'];
  const simulator = await spawnSimulator(flags);
  expect(Object.keys(simulator.env)).toHaveLength(4);
  const { url, symbols } = simulator.exchanges.upbit ?? { url: '', symbols: [] };
  expect(symbols).toHaveLength(300);
  const client = await PlainClient.open(`${url}/websocket/v1`);
  client.send([{ ticket: 'x' }, { type: 'trade', codes: symbols, is_only_realtime: true }]);
  await client.until(({ texts }) => texts.length > 50);
  expect(await simulator.do({ do: 'cut', exchange: 'upbit' })).toBe(1);
  expect(await client.closed).toMatchObject({ code: 1006 });
  expect(simulator.do({ do: 'cut', exchange: 'nope' })).rejects.toThrow('does not run nope');
  await simulator.stop();
  expect(() => process.kill(simulator.pid, 0)).toThrow();
});

test('it ends with its parent, also where that is killed', async () => {
  const script = `
    const { spawnSimulator } = await import(${JSON.stringify(join(import.meta.dir, '../simulator/process.ts'))});
    console.log((await spawnSimulator(['--exchanges', 'upbit'])).pid);
    await Bun.sleep(60_000);`;
  const parent = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  const { value } = await parent.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  expect(() => process.kill(pid, 0)).not.toThrow();
  parent.kill('SIGKILL');
  const deadline = performance.now() + 5000;
  while (isAlive(pid)) {
    if (performance.now() > deadline) throw new Error('the simulator outlived its parent');
    await Bun.sleep(20);
  }
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('from another process it tells a book, and lets faults of books happen', async () => {
  const simulator = await spawnSimulator([
    '--exchanges',
    'bybit',
    '--symbols',
    '3',
    '--rate',
    '0',
    '--book-rate',
    '200',
  ]);
  const { url, symbols } = simulator.exchanges.bybit ?? { url: '', symbols: [] };
  const [symbol = ''] = symbols;
  expect(simulator.book('bybit', symbol)).rejects.toThrow('nobody ever subscribed');
  const client = await PlainClient.open(`${url}/v5/public/spot`);
  client.send({ op: 'subscribe', args: [`orderbook.50.${symbol}`] });
  await client.until(({ texts }) => texts.length > 5);
  const book = await simulator.book('bybit', symbol);
  expect(book).toMatchObject({ exchange: 'bybit', symbol, channel: 'orderbook.50' });
  expect(book.bids).toHaveLength(50);
  expect(book.bids[0]?.[0]).toBeLessThan(book.asks[0]?.[0] ?? 0);
  await client.until(({ texts }) => texts.some((text) => text.includes(`"u":${book.sequence}`)));
  expect(await simulator.do({ do: 'book-fault', fault: 'drop', exchange: 'bybit', symbol })).toBe(1);
  const wrong = simulator.do({ do: 'book-fault', fault: 'checksum', exchange: 'bybit', symbol });
  expect(wrong).rejects.toThrow('can do that');
  expect(await simulator.do({ do: 'book-rate', changesPerS: 0 })).toBe(1);
  await client.close();
  await simulator.stop();
});

test('from another process it tells what happened on a code, between times and ids', async () => {
  const flags = ['--exchanges', 'kraken', '--symbols', '3', '--rate', '0', '--shift-ms=-86400000'];
  const simulator = await spawnSimulator(flags);
  const symbol = 'BTC/USD';
  await simulator.do({ do: 'event', exchange: 'kraken', type: 'trade', symbol, count: 20 });
  const all = await simulator.past('kraken', symbol);
  expect(all.length).toBeGreaterThan(20);
  expect(Math.abs((all[0]?.timeMs ?? 0) + 86_400_000 - Date.now())).toBeLessThan(120_000);
  const [from, to] = [all[5], all[9]];
  const ids = { fromId: from?.id ?? '', toId: to?.id ?? '' };
  expect(await simulator.past('kraken', symbol, ids)).toEqual(all.slice(5, 10));
  expect(await simulator.past('kraken', symbol, { fromMs: (all[0]?.timeMs ?? 0) + 600_000 })).toEqual([]);
  expect(await simulator.past('kraken', 'NO/PE')).toEqual([]);
  await simulator.stop();
});
