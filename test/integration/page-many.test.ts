import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { createLog } from '../../src/common/log.ts';
import { type Collector, startCollector } from '../../src/config/container.ts';
import { loadSettings } from '../../src/config/load.ts';
import { freePort } from '../services/ports.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { protocols } from '../simulator/protocols/index.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { LOW_CONTRAST } from './page-contrast.ts';
import { ENGLISH_WORDS } from './page-english.ts';
import { lineOf, openBrowser, textOf, until, visit as visitPage } from './page-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

/** Kept as what the build made, to be looked at. */
const SHOTS = join(import.meta.dir, '..', '..', 'out', 'screenshots');
const EXCHANGES = Object.keys(protocols);
const STREAMS = EXCHANGES.length * 2;
const CODES = 6;
/** A phone of today, in CSS pixels, and how far 22 streams may make it scroll: three of its screens. */
const PHONE = { width: 390, height: 844 };
const TALLEST_PX = 2600;

let simulator: Simulator;
let redis: RedisServer;
let collector: Collector;
let browser: Browser;
let url: string;

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true });
  simulator = await startSimulator({ exchanges: EXCHANGES, symbols: 12, rowsPerS: 300, ports: 'each' });
  redis = await startRedis();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const settings = loadSettings({
    folder: null,
    environment: { ...simulator.env(), REDIS_URL: redis.url },
    overrides: [
      ...['messaging.driver=embedded', 'state.driver=redis', `http.port=${port}`],
      'connection.idle_timeout_ms=3000',
    ],
    flags: {
      streams: EXCHANGES.map((exchange) => ({
        exchange,
        type: ['ticker', 'trade'],
        symbols: simulator.symbols(exchange).slice(0, CODES),
      })),
    },
  });
  collector = await startCollector(settings, createLog('silent', false));
  browser = await openBrowser();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await collector?.stop();
  await simulator?.stop();
  await redis?.discard();
}, 60_000);

const visit = (options: BrowserContextOptions = {}) => visitPage(browser, url, STREAMS, options);
const live = (page: Page) => page.locator('.stream .pill[data-state="live"]').count();
const shown = (page: Page) => page.locator('.stream:not([hidden])').count();
const height = (page: Page) => page.evaluate<number>('document.documentElement.scrollHeight');

async function shoot(page: Page, name: string): Promise<void> {
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

test('twenty-two streams: the work that is shared, the age of the oldest row, labels once', async () => {
  const { page, complaints } = await visit();
  expect(STREAMS).toBe(22);
  expect(await until(async () => (await live(page)) === STREAMS, 60_000)).toBe(true);
  const fact = (name: string) => textOf(page, `#totals div:has(dt:text-is("${name}")) dd`);
  expect(await fact('collectors')).toBe('1');
  const held = collector.orchestrator.leases()?.held ?? 0;
  expect(held).toBeGreaterThanOrEqual(STREAMS);
  expect(await until(async () => (await fact('leases held here')) === `${held}`)).toBe(true);
  expect(await fact('oldest row waiting')).toMatch(/^(none waits|[\d.]+\sm?s)$/);
  expect(await fact('up for')).toMatch(/^\d+(\.\d)?\s(s|min)$/);
  expect(await page.evaluate('getComputedStyle(document.querySelector("dd")).wordBreak')).toBe('keep-all');
  const labels = await page
    .getByText('last data', { exact: true })
    .evaluateAll((all) => all.filter((one) => one.getBoundingClientRect().width > 1).length);
  expect(labels).toBe(1);
  await shoot(page, 'many-light-english');
  expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('on a phone they are three screens', async () => {
  const { page, complaints } = await visit({ viewport: PHONE, deviceScaleFactor: 2 });
  expect(await until(async () => (await live(page)) === STREAMS, 60_000)).toBe(true);
  expect(await height(page)).toBeLessThan(TALLEST_PX);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
  await shoot(page, 'many-phone');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('a code is found in every stream that has it, a stream by its name, and nothing is told as nothing', async () => {
  const { page, complaints } = await visit();
  const code =
    collector.orchestrator.stream({ exchange: 'upbit', request_type: 'trade' })?.desired.codes[1] ?? '';
  await page.keyboard.press('/');
  await page.keyboard.type(`upbit ${code.toLowerCase()}`);
  expect(await until(async () => (await shown(page)) === 2)).toBe(true);
  expect(await textOf(page, `${lineOf('upbit', 2)}.found`)).toContain(code);
  await page.click(`${lineOf('upbit', 2)}.line`);
  expect(await until(async () => (await page.locator(`${lineOf('upbit', 2)}tbody tr`).count()) === 1)).toBe(
    true,
  );
  await shoot(page, 'many-search');
  await page.fill('#search', 'kraken ticker');
  expect(await until(async () => (await shown(page)) === 1)).toBe(true);
  await page.fill('#search', 'no such thing');
  expect(await until(async () => (await shown(page)) === 0)).toBe(true);
  expect(await textOf(page, '#no-match')).toContain('No stream');
  await page.focus('#search');
  await page.keyboard.press('Escape');
  expect(await until(async () => (await shown(page)) === STREAMS)).toBe(true);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('faults of many streams stand first, a line for each kind, and open gaps count', async () => {
  const { page, complaints } = await visit();
  const down = ['bybit', 'kraken', 'okx', 'huobi'];
  for (const exchange of down) await simulator.do({ do: 'refuse-open', exchange, status: 503 });
  for (const exchange of down) await simulator.do({ do: 'cut', exchange });
  await simulator.do({ do: 'refuse-open', exchange: 'coinbase', status: 418, retryAfterS: 600 });
  await simulator.do({ do: 'cut', exchange: 'coinbase' });
  await simulator.do({ do: 'mute', exchange: 'upbit', type: 'ticker' });
  const alerts = page.locator('#alerts > *');
  expect(
    await until(async () => /^5 × no stream is live: /.test(await textOf(page, '#alerts summary')), 60_000),
  ).toBe(true);
  expect(await alerts.count()).toBe(1);
  expect(await page.locator('#alerts li').count()).toBe(5);
  await page.click('#alerts summary');
  expect(await page.locator('#alerts li').first().isVisible()).toBe(true);
  // It stays open while the numbers go on.
  await Bun.sleep(2500);
  expect(await page.locator('#alerts li').first().isVisible()).toBe(true);
  const gaps = () => textOf(page, `${lineOf('okx', 2)}.gaps b`);
  expect(await until(async () => /open$/.test(await gaps()))).toBe(true);
  expect(await gaps()).not.toStartWith('0');
  expect(await textOf(page, '#totals div:has(dt:text-is("gaps, 15 min")) dd')).toMatch(/open$/);
  expect(await textOf(page, `${lineOf('okx', 2)}.reason`)).toMatch(/as of \d+:\d\d:\d\d/);
  const order = await page.evaluate<boolean>(
    `document.querySelector('#alerts').compareDocumentPosition(document.querySelector('.hero')) === Node.DOCUMENT_POSITION_FOLLOWING`,
  );
  expect(order).toBe(true);
  await page.click('[data-show="troubled"]');
  expect(await until(async () => (await shown(page)) === 11, 30_000)).toBe(true);
  expect(await page.evaluate(LOW_CONTRAST)).toEqual([]);
  await page.click('[data-show="all"]');
  await page.click('#alerts summary');
  await shoot(page, 'many-faults');
  // What docs/page.png shows.
  const clip = { x: 0, y: 0, width: 1440, height: 1100 };
  await page.screenshot({ path: join(SHOTS, 'page.png'), fullPage: true, clip });
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('in Korean nothing is left in English, dark or on a phone, faults and an open stream with it', async () => {
  const dark = { locale: 'ko-KR', colorScheme: 'dark' } as const;
  const wide = await visit(dark);
  await wide.page.click(`${lineOf('okx', 1)}.line`);
  await wide.page.waitForSelector('tbody tr');
  expect(await wide.page.evaluate(ENGLISH_WORDS)).toEqual([]);
  expect(await wide.page.evaluate(LOW_CONTRAST)).toEqual([]);
  await shoot(wide.page, 'many-faults-dark-korean');
  await wide.page.context().close();
  const phone = await visit({ ...dark, viewport: PHONE, deviceScaleFactor: 2 });
  await shoot(phone.page, 'many-phone-faults-dark-korean');
  expect(await phone.page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
  expect(await height(phone.page)).toBeLessThan(TALLEST_PX);
  expect(await phone.page.evaluate(ENGLISH_WORDS)).toEqual([]);
  expect(await phone.page.evaluate(LOW_CONTRAST)).toEqual([]);
  expect([...wide.complaints, ...phone.complaints]).toEqual([]);
  await phone.page.context().close();
});
