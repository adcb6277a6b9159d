import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** One visit of the page. */
export interface Visit {
  readonly page: Page;
  /** Errors and warnings of the console, and exceptions. */
  readonly complaints: string[];
  /** Addresses asked for. */
  readonly asked: string[];
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: Bun.which('chromium') ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
}

/** Opens the page in a browser that remembers nothing, and waits until so many streams are on it. */
export async function visit(
  browser: Browser,
  url: string,
  streams: number,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    locale: 'en-US',
    viewport: { width: 1440, height: 900 },
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
  if (streams > 0)
    await page
      .locator('.stream')
      .nth(streams - 1)
      .waitFor();
  return { page, complaints, asked };
}

/** The start of selectors within a stream's line; places count from 1, in the order of the streams. */
export function lineOf(exchange: string, place: number): string {
  return `#exchange-${exchange} .stream:nth-child(${place}) `;
}

export async function textOf(page: Page, selector: string): Promise<string> {
  return ((await page.locator(selector).first().textContent()) ?? '').trim();
}

/** Whether `check` is true within the time, looked at ten times a second. */
export async function until(check: () => Promise<boolean> | boolean, ms = 15_000): Promise<boolean> {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    if (await check()) return true;
    await Bun.sleep(100);
  }
  return false;
}
