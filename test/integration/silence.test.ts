import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import { createLog } from '../../src/common/log.ts';
import { type Collector, startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import { type Message, readTopic } from '../services/avro-consumer.ts';
import { type KafkaServer, startKafka } from '../services/kafka.ts';
import { freePort } from '../services/ports.ts';
import { registry } from '../services/services.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import type { Event } from './control-parts.ts';
import { lineOf, openBrowser, textOf, until, visit } from './page-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** The set freshness time: silence for longer than this is told. */
const IDLE_MS = 2000;
/**
 * The watchdog and the page look once a second each; the rest is for a busy machine, which lengthens the usual silence of
 * a code too, and is where simulator, collector and browser share a process.
 */
const TOLD_WITHIN_MS = IDLE_MS + 10_000;
const CLEAR_WITHIN_MS = 8000;
const CODES = 4;
const EXCHANGES = ['upbit', 'binance'] as const;

interface Quality {
  readonly exchange: string;
  readonly request_type: string;
  readonly batch: {
    readonly items: readonly [
      { minute_start_ts_kst: number; codes_subscribed: number; codes_stale: number; health_score: number },
    ];
  };
}

let broker: KafkaServer;
let schemas: string;
let simulator: Simulator;
let collector: Collector;
let browser: Browser;
let page: Page;
let url: string;
let silentSymbol: string;
let silentCode: string;
/** Epoch seconds of the minutes at whose ends something was silent, and of the one after them. */
const minutes = { code: 0, stream: 0, exchange: 0, none: 0 };

beforeAll(async () => {
  const [kafka, address, port] = await Promise.all([startKafka(), registry(), freePort()]);
  broker = kafka;
  schemas = address;
  url = `http://127.0.0.1:${port}`;
  simulator = await startSimulator({ exchanges: EXCHANGES, symbols: 20, rowsPerS: 200 });
  const settings = loadSettings({
    folder: null,
    environment: {
      ...simulator.env(),
      KAFKA_BOOTSTRAP_SERVERS: broker.bootstrap,
      SCHEMA_REGISTRY_URL: schemas,
    },
    overrides: ['state.driver=memory', `http.port=${port}`, `connection.idle_timeout_ms=${IDLE_MS}`],
    flags: {
      streams: EXCHANGES.map((exchange) => ({
        exchange,
        type: ['ticker', 'trade'],
        symbols: simulator.symbols(exchange).slice(0, CODES),
      })),
    },
  });
  // The first silence has to be told before the minute ends.
  while ((Date.now() / 1000) % 60 > 25) await Bun.sleep(100);
  collector = await startCollector(settings, createLog('silent', false));
  browser = await openBrowser();
  ({ page } = await visit(browser, url, 4));
  const stream = collector.orchestrator.stream({ exchange: 'binance', request_type: 'trade' });
  silentSymbol = simulator.symbols('binance')[1] ?? '';
  const codes = stream?.snapshots().flatMap((connection) => connection.codes) ?? [];
  silentCode = codes.find(({ symbol }) => symbol === silentSymbol)?.code ?? '';
  expect(await until(async () => (await look()).every(({ state }) => state === 'live'))).toBe(true);
  await Bun.sleep(3000);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await collector?.stop();
  await simulator?.stop();
  await broker?.discard();
}, 30_000);

/** State and stale codes of every stream, by the metrics. */
async function look(): Promise<{ stream: string; state: string; stale: number }[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const states = text.matchAll(
    /^kcs_stream_state\{exchange="(\w+)",request_type="(\w+)",state="(\w+)"\} 1$/gm,
  );
  return Array.from(states, ([, exchange, type, state]) => {
    const labels = `exchange="${exchange}",request_type="${type}",status="stale"`;
    const stale = new RegExp(`^kcs_stream_codes\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1];
    return { stream: `${exchange} ${type}`, state: state ?? '', stale: Number(stale) };
  });
}

/** Streams with silent codes, by the metrics: `binance trade live 1`. */
async function silentByMetrics(): Promise<string[]> {
  const all = await look();
  return all
    .filter(({ stale }) => stale > 0)
    .map(({ stream, state, stale }) => `${stream} ${state} ${stale}`);
}

async function readyByMetrics(): Promise<string | undefined> {
  return /^kcs_ready (\d)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1];
}

interface Readyz {
  readonly status: number;
  readonly reasons: { what: string; why: string }[];
  readonly warnings: { what: string; why: string }[];
}

async function readyz(): Promise<Readyz> {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, ...((await answer.json()) as Omit<Readyz, 'status'>) };
}

const pill = (exchange: string, place: number) => textOf(page, `${lineOf(exchange, place)}.pill`);
const codesOf = (exchange: string, place: number) => textOf(page, `${lineOf(exchange, place)}.codes b`);
const pillOfCode = (code: string) => textOf(page, `tbody tr:has(b:text-is("${code}")) .pill`);

/** Every check holds at the same moment, within the time. */
async function holds(ms: number, ...checks: (() => Promise<boolean>)[]): Promise<void> {
  const began = performance.now();
  const each = await Promise.all(
    checks.map(async (check) => ((await until(check, ms)) ? null : check.toString())),
  );
  expect(each.filter((missing) => missing !== null)).toEqual([]);
  expect(performance.now() - began).toBeLessThan(ms + 1000);
}

/** State events of the streams, and of single codes, that were told since then, as they lie in Kafka. */
async function statesSince(at: number): Promise<{ what: string; state: string | null; afterMs: number }[]> {
  const events = await readTopic<Event & { timestamp_utc: string }>({
    bootstrap: broker.bootstrap,
    topic: 'ws.event',
  });
  return events.flatMap(({ value }) => {
    const afterMs = Date.parse(value?.timestamp_utc ?? '') - at;
    if (value?.kind !== 'state' || !value.target || afterMs < 0) return [];
    const { exchange, request_type } = value.target;
    const code = value.detail?.code;
    const what = `${exchange} ${request_type}${code ? ` ${code}` : ''}`;
    return [{ what, state: value.state, afterMs }];
  });
}

async function toldInKafka(at: number, what: string, state: string, withinMs: number): Promise<void> {
  const first = (await statesSince(at)).find((event) => event.what === what && event.state === state);
  expect([what, state, first !== undefined]).toEqual([what, state, true]);
  expect(first?.afterMs).toBeLessThan(withinMs);
}

/** Waits until the present minute is over and told, and returns its start. */
async function endOfMinute(): Promise<number> {
  const start = Math.floor(Date.now() / 60_000) * 60;
  await Bun.sleep((start + 60) * 1000 + 1000 - Date.now());
  return start;
}

describe('silence is told everywhere within the freshness time, and its end', () => {
  test('of a code', async () => {
    await page.click(`${lineOf('binance', 2)}.line`);
    const mutedAt = Date.now();
    await simulator.do({ do: 'mute', exchange: 'binance', type: 'trade', symbol: silentSymbol });
    await holds(
      TOLD_WITHIN_MS,
      async () => (await silentByMetrics()).join() === 'binance trade live 1',
      async () =>
        (await readyz()).warnings.some(
          ({ what, why }) => what === 'binance trade' && why === `no data: ${silentCode} (1 of ${CODES})`,
        ),
      async () => (await codesOf('binance', 2)) === `${CODES - 1} / ${CODES}`,
      async () => (await pillOfCode(silentCode)) === 'no data',
    );
    await toldInKafka(mutedAt, `binance trade ${silentCode}`, 'stale', TOLD_WITHIN_MS);
    expect(await readyz()).toMatchObject({ status: 200, reasons: [] });
    expect(await pill('binance', 2)).toBe('live');
    minutes.code = await endOfMinute();
    expect((await silentByMetrics()).join()).toBe('binance trade live 1');

    const unmutedAt = Date.now();
    await simulator.do({ do: 'unmute', exchange: 'binance' });
    await holds(
      CLEAR_WITHIN_MS,
      async () => (await silentByMetrics()).length === 0,
      async () => (await readyz()).warnings.length === 0,
      async () => (await codesOf('binance', 2)) === `${CODES}`,
      async () => (await pillOfCode(silentCode)) === 'live',
    );
    await toldInKafka(unmutedAt, `binance trade ${silentCode}`, 'live', CLEAR_WITHIN_MS);
  }, 100_000);

  test('of a stream', async () => {
    const mutedAt = Date.now();
    await simulator.do({ do: 'mute', exchange: 'upbit', type: 'ticker' });
    await holds(
      TOLD_WITHIN_MS,
      async () => (await silentByMetrics()).join() === `upbit ticker stale ${CODES}`,
      async () =>
        (await readyz()).warnings.some(
          ({ what, why }) => what === 'upbit ticker' && why === 'stale (no data)',
        ),
      async () => (await pill('upbit', 1)) === 'no data',
    );
    await toldInKafka(mutedAt, 'upbit ticker', 'stale', TOLD_WITHIN_MS);
    expect(await readyz()).toMatchObject({ status: 200, reasons: [] });
    expect(await textOf(page, '#ready')).toBe('Ready');
    minutes.stream = await endOfMinute();
    expect((await silentByMetrics()).join()).toBe(`upbit ticker stale ${CODES}`);
    expect(await pill('upbit', 1)).toBe('no data');

    const unmutedAt = Date.now();
    await simulator.do({ do: 'unmute', exchange: 'upbit' });
    await holds(
      CLEAR_WITHIN_MS,
      async () => (await silentByMetrics()).length === 0,
      async () => (await readyz()).warnings.length === 0,
      async () => (await pill('upbit', 1)) === 'live',
    );
    await toldInKafka(unmutedAt, 'upbit ticker', 'live', CLEAR_WITHIN_MS);
  }, 100_000);

  test('of an exchange', async () => {
    const mutedAt = Date.now();
    await simulator.do({ do: 'mute', exchange: 'binance' });
    await holds(
      TOLD_WITHIN_MS,
      async () =>
        (await silentByMetrics()).join() === `binance ticker stale ${CODES},binance trade stale ${CODES}`,
      async () => (await readyByMetrics()) === '0',
      async () => (await readyz()).status === 503,
      async () => (await textOf(page, '#ready')) === 'Not ready',
      async () => (await pill('binance', 1)) === 'no data' && (await pill('binance', 2)) === 'no data',
    );
    for (const stream of ['binance ticker', 'binance trade'])
      await toldInKafka(mutedAt, stream, 'stale', TOLD_WITHIN_MS);
    expect((await readyz()).reasons).toEqual([
      { what: 'binance', why: 'no stream is live: ticker stale (no data); trade stale (no data)' },
    ]);
    expect(await textOf(page, '#alerts')).toContain('binance: no stream is live');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    minutes.exchange = await endOfMinute();
    expect((await readyz()).status).toBe(503);

    const unmutedAt = Date.now();
    await simulator.do({ do: 'unmute', exchange: 'binance' });
    await holds(
      CLEAR_WITHIN_MS,
      async () => (await silentByMetrics()).length === 0,
      async () => (await readyByMetrics()) === '1',
      async () => (await readyz()).status === 200,
      async () => (await textOf(page, '#ready')) === 'Ready',
      async () => (await pill('binance', 1)) === 'live' && (await pill('binance', 2)) === 'live',
    );
    for (const stream of ['binance ticker', 'binance trade'])
      await toldInKafka(unmutedAt, stream, 'live', CLEAR_WITHIN_MS);
    minutes.none = await endOfMinute();
  }, 160_000);

  test('in the quality of the minute, and it is gone in the next', async () => {
    const messages: Message<Quality>[] = [];
    for (const region of ['korea', 'asia'])
      messages.push(
        ...(await readTopic<Quality>({
          bootstrap: broker.bootstrap,
          registry: schemas,
          topic: `ws.metrics.quality.${region}`,
        })),
      );
    const at = (start: number) =>
      Object.fromEntries(
        messages.flatMap(({ value }) => {
          const item = value?.batch.items[0];
          if (!value || item?.minute_start_ts_kst !== start) return [];
          const { codes_subscribed, codes_stale, health_score } = item;
          expect(codes_subscribed).toBe(CODES);
          // The first acknowledgements of a run are slow, which costs some points; a silent code of four costs a quarter.
          const health = health_score === 0 ? 'none' : health_score > 75 ? 'full' : 'less';
          return [[`${value.exchange} ${value.request_type}`, `${codes_stale} ${health}`]];
        }),
      );
    const well = '0 full';
    const fine = { 'upbit ticker': well, 'upbit trade': well, 'binance ticker': well, 'binance trade': well };
    expect(at(minutes.code)).toEqual({ ...fine, 'binance trade': '1 less' });
    expect(at(minutes.stream)).toEqual({ ...fine, 'upbit ticker': `${CODES} none` });
    const dark = `${CODES} none`;
    expect(at(minutes.exchange)).toEqual({ ...fine, 'binance ticker': dark, 'binance trade': dark });
    expect(at(minutes.none)).toEqual(fine);
  });
});
