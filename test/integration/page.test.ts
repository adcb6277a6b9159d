import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { createLog } from '../../src/common/log.ts';
import { type Collector, startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import { freePort } from '../services/ports.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { LOW_CONTRAST } from './page-contrast.ts';
import { lineOf, openBrowser, textOf, until, visit as visitPage } from './page-parts.ts';

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
  browser = await openBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await collector?.stop();
  await simulator?.stop();
}, 30_000);

const visit = (options: BrowserContextOptions = {}) => visitPage(browser, url, 4, options);

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
    expect(await page.evaluate(`document.activeElement.closest('.find') !== null`)).toBe(true);
    await page.keyboard.type(code.toLowerCase());
    expect(await until(async () => (await page.locator(rows).count()) === 1)).toBe(true);
    expect(await textOf(page, `${rows} td`)).toStartWith(code);
    await page.screenshot({ path: join(SHOTS, 'codes.png'), fullPage: true });
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    const focused = () => page.evaluate(`document.activeElement.closest('.line') !== null`);
    await page.keyboard.press('Escape');
    expect(await focused()).toBe(true);
    expect(await page.locator(rows).count()).toBe(1);
    await page.keyboard.press('Escape');
    expect(await page.locator(rows).count()).toBe(0);
    expect(await focused()).toBe(true);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

  test('speaks Korean to a Korean browser, dark to a dark one, and changes on request', async () => {
    const { page, complaints } = await visit({ locale: 'ko-KR', colorScheme: 'dark' });
    expect(await textOf(page, '#ready')).toBe('정상');
    expect(await page.getAttribute('html', 'lang')).toBe('ko');
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    await page.screenshot({ path: join(SHOTS, 'dark-korean.png'), fullPage: true });
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
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

  test('fits wide and narrow windows, with a stream open', async () => {
    for (const width of [1440, 1024, 768, 560, 320]) {
      const { page } = await visit({ viewport: { width, height: 900 } });
      await page.click(`${lineOf('upbit', 1)}.line`);
      await page.waitForSelector('tbody tr');
      expect([width, await page.evaluate('document.documentElement.scrollWidth')]).toEqual([width, width]);
      await page.context().close();
    }
  }, 60_000);

  test('fits a phone', async () => {
    const { page, complaints } = await visit({
      locale: 'ko-KR',
      viewport: { width: 375, height: 812 },
      deviceScaleFactor: 2,
    });
    await page.click(`${lineOf('binance', 1)}.line`);
    await page.waitForSelector('tbody tr');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375);
    expect(
      await page.evaluate(
        `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.scroll'))`,
      ),
    ).toBe(0);
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    await page.screenshot({ path: join(SHOTS, 'phone-korean.png'), fullPage: true });
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 40_000);

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
    await page.keyboard.press('l');
    expect(await textOf(page, '#alerts')).toBe(
      'upbit: 수신 중인 스트림이 없습니다: 현재가 데이터 없음; 체결 데이터 없음',
    );
    await page.screenshot({ path: join(SHOTS, 'silenced-korean.png'), fullPage: true });
    await page.keyboard.press('l');
    await page.screenshot({ path: join(SHOTS, 'silenced.png'), fullPage: true });
    for (const theme of ['light', 'dark']) {
      expect(await page.getAttribute('html', 'data-theme')).toBe(theme);
      expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
      await page.keyboard.press('t');
    }
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

  test('a stream that is refused says so, in whose words, and when it is tried again', async () => {
    const { page, complaints } = await visit();
    await simulator.do({ do: 'refuse-open', exchange: 'binance', status: 418, retryAfterS: 5 });
    await simulator.do({ do: 'refuse-open', exchange: 'upbit', status: 503 });
    await simulator.do({ do: 'close', exchange: 'binance' });
    await simulator.do({ do: 'close', exchange: 'upbit' });
    const reason = (exchange: string) => textOf(page, `${lineOf(exchange, 1)}.reason`);
    await until(async () => (await textOf(page, `${lineOf('binance', 1)}.pill`)) === 'blocked');
    expect(await textOf(page, `${lineOf('binance', 1)}`)).toContain('blocked');
    expect(await until(async () => /418.*next try in \d/.test(await reason('binance')))).toBe(true);
    expect(await until(async () => /503/.test(await reason('upbit')))).toBe(true);
    expect(await page.locator(`${lineOf('binance', 1)}.reason`).isVisible()).toBe(true);
    await page.screenshot({ path: join(SHOTS, 'refused.png'), fullPage: true });
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    await page.keyboard.press('t');
    await page.screenshot({ path: join(SHOTS, 'refused-dark.png'), fullPage: true });
    expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
    for (const exchange of ['binance', 'upbit']) await simulator.do({ do: 'allow-open', exchange });
    for (const exchange of ['binance', 'upbit'])
      expect(
        await until(async () => (await textOf(page, `${lineOf(exchange, 1)}.pill`)) === 'live', 60_000),
      ).toBe(true);
    expect(await page.locator(`${lineOf('binance', 1)}.reason`).isVisible()).toBe(false);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 120_000);
});

test('a collector without a stream says what to do, and one that is gone does not look alive', async () => {
  const port = await freePort();
  const idle = await startCollector(
    loadSettings({
      folder: null,
      environment: {},
      overrides: ['messaging.driver=stdout', 'state.driver=memory', `http.port=${port}`],
      flags: {},
    }),
    createLog('silent', false),
  );
  const { page, complaints } = await visitPage(browser, `http://127.0.0.1:${port}`, 0);
  expect(await until(async () => (await textOf(page, '#ready')) === 'Ready')).toBe(true);
  expect(await textOf(page, '#nothing')).toContain('connect_and_subscribe');
  expect(await page.locator('#nothing').isVisible()).toBe(true);
  expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
  await page.screenshot({ path: join(SHOTS, 'empty.png') });
  expect(complaints).toEqual([]);
  await idle.stop();
  expect(await until(async () => (await textOf(page, '#ready')).startsWith('connection lost'))).toBe(true);
  expect(await page.title()).toBe('⚠ kor-coin-stream');
  // What stands still says since when, and so does the axis.
  expect(await textOf(page, '#as-of')).toMatch(/^as of \d\d:\d\d:\d\d$/);
  expect(await page.locator('#as-of').isVisible()).toBe(true);
  const ticks = page.locator('#axis span');
  expect(await ticks.allTextContents()).toEqual(
    Array.from({ length: 4 }, () => expect.stringMatching(/^\d\d:\d\d:\d\d$/)),
  );
  expect(`as of ${await ticks.last().textContent()}`).toBe(await textOf(page, '#as-of'));
  await page.keyboard.press('l');
  expect(await textOf(page, '#ready')).toBe('연결이 끊겨 다시 시도하는 중');
  expect(await textOf(page, '#as-of')).toEndWith('기준');
  await page.screenshot({ path: join(SHOTS, 'lost-korean.png') });
  await page.context().close();
}, 60_000);
