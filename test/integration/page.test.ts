import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { createLog } from '../../src/common/log.ts';
import { type Collector, startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import { freePort } from '../services/ports.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** Kept as what the build made, to be looked at. */
const SHOTS = join(import.meta.dir, '..', '..', 'out', 'screenshots');
const CODES = 8;
/** Silence for longer than this is told. */
const IDLE_MS = 1500;

let simulator: Simulator;
let collector: Collector;
let browser: Browser;
let url: string;

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  simulator = await startSimulator({ exchanges: ['upbit', 'binance'], symbols: 30, rowsPerS: 400 });
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const settings = loadSettings({
    folder: null,
    environment: simulator.env(),
    overrides: [
      ...['messaging.driver=embedded', 'state.driver=memory', `http.port=${port}`],
      `connection.idle_timeout_ms=${IDLE_MS}`,
    ],
    flags: {
      streams: ['upbit', 'binance'].map((exchange) => ({
        exchange,
        type: ['ticker', 'trade'],
        symbols: simulator.symbols(exchange).slice(0, CODES),
      })),
    },
  });
  collector = await startCollector(settings, createLog('silent', false));
  browser = await chromium.launch({
    executablePath: Bun.which('chromium') ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await collector?.stop();
  await simulator?.stop();
}, 30_000);

interface Visit {
  readonly page: Page;
  /** Errors and warnings of the console, and exceptions. */
  readonly complaints: string[];
  /** Addresses asked for. */
  readonly asked: string[];
}

async function visit(options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  await page.locator('.stream').nth(3).waitFor();
  return { page, complaints, asked };
}

const lineOf = (exchange: string, place: number) => `#exchange-${exchange} .stream:nth-child(${place}) `;

async function textOf(page: Page, selector: string): Promise<string> {
  return ((await page.locator(selector).first().textContent()) ?? '').trim();
}

async function until(check: () => Promise<boolean>, ms = 15_000): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    if (await check()) return true;
    await Bun.sleep(100);
  }
  return false;
}

describe('the page', () => {
  test('shows every stream, its numbers move, and nothing is asked for elsewhere', async () => {
    const { page, complaints, asked } = await visit();
    const total = '#totals dd';
    const before = await textOf(page, total);
    expect(await until(async () => (await textOf(page, total)) !== before)).toBe(true);
    expect(await until(async () => Number(await textOf(page, '#total-rate')) > 100)).toBe(true);
    expect(await textOf(page, '#ready')).toBe('Ready');
    for (const [exchange, place] of [
      ['upbit', 1],
      ['upbit', 2],
      ['binance', 1],
      ['binance', 2],
    ] as const)
      expect(
        await until(async () => (await textOf(page, `${lineOf(exchange, place)}.pill`)) === 'live'),
      ).toBe(true);
    expect(new Set(asked.map((address) => new URL(address).origin))).toEqual(new Set([url]));
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

  test('a stream opens to its codes, by keyboard alone, and finds one', async () => {
    const { page, complaints } = await visit();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    const rows = `${lineOf('upbit', 2)}tbody tr`;
    expect(await until(async () => (await page.locator(rows).count()) === CODES)).toBe(true);
    expect(page.url()).toEndWith('#upbit/trade');
    const code =
      collector.orchestrator.stream({ exchange: 'upbit', request_type: 'trade' })?.desired.codes[2] ?? '';
    await page.keyboard.press('/');
    await page.keyboard.type(code.toLowerCase());
    expect(await until(async () => (await page.locator(rows).count()) === 1)).toBe(true);
    expect(await textOf(page, `${rows} td`)).toStartWith(code);
    await page.screenshot({ path: join(SHOTS, 'codes.png'), fullPage: true });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

  test('speaks Korean to a Korean browser, dark to a dark one, and changes on request', async () => {
    const { page, complaints } = await visit({ locale: 'ko-KR', colorScheme: 'dark' });
    expect(await textOf(page, '#ready')).toBe('정상');
    expect(await page.getAttribute('html', 'lang')).toBe('ko');
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    await page.screenshot({ path: join(SHOTS, 'dark-korean.png'), fullPage: true });
    await page.click('#language');
    await page.click('#theme');
    expect(await textOf(page, '#ready')).toBe('Ready');
    await page.reload();
    await page.waitForSelector('.stream');
    expect(await page.getAttribute('html', 'lang')).toBe('en');
    expect(await page.getAttribute('html', 'data-theme')).toBe('light');
    expect(
      await page.evaluate(
        `[...document.querySelectorAll('[data-word]')].filter((one) => one.textContent === '').length`,
      ),
    ).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

  test('fits a phone', async () => {
    const { page, complaints } = await visit({
      locale: 'ko-KR',
      viewport: { width: 375, height: 812 },
      deviceScaleFactor: 2,
    });
    await page.click(`${lineOf('binance', 1)}.line`);
    await page.waitForSelector('tbody tr');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);
    await page.screenshot({ path: join(SHOTS, 'phone-korean.png'), fullPage: true });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

  test('a silenced code is told everywhere, makes nothing unready, and comes back', async () => {
    const { page } = await visit();
    const told: StreamEvent[] = [];
    collector.reporter.listen((event) => told.push(event));
    const symbol = simulator.symbols('binance')[1] ?? '';
    const stale = async () =>
      /^kcs_stream_codes\{exchange="binance",request_type="trade",status="stale"\} (\d+)$/m.exec(
        await (await fetch(`${url}/metrics`)).text(),
      )?.[1];
    const codes = `${lineOf('binance', 2)}.codes b`;
    expect(await stale()).toBe('0');
    await simulator.do({ do: 'mute', exchange: 'binance', type: 'trade', symbol });
    expect(await until(async () => (await stale()) === '1')).toBe(true);
    expect(await until(async () => (await textOf(page, codes)) === `${CODES - 1} / ${CODES}`)).toBe(true);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const answer = await fetch(`${url}/status/binance/trade`);
    const status = (await answer.json()) as { codes: { stale: boolean }[] };
    expect(status.codes.filter((code) => code.stale)).toMatchObject([{ symbol }]);
    await simulator.do({ do: 'unmute', exchange: 'binance' });
    expect(await until(async () => (await stale()) === '0')).toBe(true);
    expect(await until(async () => (await textOf(page, codes)) === `${CODES}`)).toBe(true);
    const states = told.filter(({ kind, detail }) => kind === 'state' && detail?.symbol === symbol);
    expect(states.map(({ state }) => state)).toEqual(['stale', 'live']);
    await page.context().close();
  }, 60_000);

  test('a silenced stream turns, a silenced exchange makes it not ready, and both come back', async () => {
    const { page, complaints } = await visit();
    const pill = `${lineOf('upbit', 1)}.pill`;
    await simulator.do({ do: 'mute', exchange: 'upbit', type: 'ticker' });
    expect(await until(async () => (await textOf(page, pill)) === 'no data')).toBe(true);
    expect(await textOf(page, '#ready')).toBe('Ready');
    await simulator.do({ do: 'mute', exchange: 'upbit' });
    expect(await until(async () => (await textOf(page, '#ready')) === 'Not ready')).toBe(true);
    expect(await textOf(page, '#alerts')).toContain('upbit: no stream is live');
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    await page.screenshot({ path: join(SHOTS, 'silenced.png'), fullPage: true });
    await simulator.do({ do: 'unmute', exchange: 'upbit' });
    expect(await until(async () => (await textOf(page, pill)) === 'live')).toBe(true);
    expect(await until(async () => (await textOf(page, '#ready')) === 'Ready')).toBe(true);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await until(async () => Number(await textOf(page, `${lineOf('upbit', 1)}.gaps b`)) > 0)).toBe(
      true,
    );
    await page.screenshot({ path: join(SHOTS, 'light-english.png'), fullPage: true });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 90_000);
});
