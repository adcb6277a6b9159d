import { describe, expect, test } from 'bun:test';
import { LineOutput, type LineSink } from '../../src/common/line-output.ts';
import { createLog } from '../../src/common/log.ts';
import { escapeControls, mask, maskText } from '../../src/common/log-text.ts';
import { ManualClock } from './manual-clock.ts';

/** A reader that takes what it is told to. */
class Reader implements LineSink {
  readonly taken: string[] = [];
  readonly #waiting: { text: string; done: (error?: Error | null) => void }[] = [];
  stalled = false;
  error: Error | null = null;
  #onError: (error: Error) => void = () => {};

  on(_event: 'error', listener: (error: Error) => void): void {
    this.#onError = listener;
  }

  write(text: string, done: (error?: Error | null) => void): void {
    this.#waiting.push({ text, done });
    if (!this.stalled) this.read();
  }

  /** Takes at most `count` of what waits. */
  read(count = Number.POSITIVE_INFINITY): void {
    for (const { text, done } of this.#waiting.splice(0, count)) {
      if (this.error) this.#onError(this.error);
      else this.taken.push(text);
      done(this.error);
    }
  }
}

const LINE = `${'x'.repeat(1023)}\n`;

function rig() {
  const reader = new Reader();
  const clock = new ManualClock();
  return { reader, clock, output: new LineOutput(reader, clock) };
}

describe('lines that nobody reads', () => {
  test('wait up to a bound, are dropped and counted beyond it, and are missed once it flows again', () => {
    const { reader, output } = rig();
    const missing: number[] = [];
    output.onResume((lines) => missing.push(lines));
    reader.stalled = true;
    for (let i = 0; i < 1500; i++) output.write(LINE);
    expect([output.dropped, output.full]).toEqual([412, true]);
    reader.read(300);
    expect([output.full, missing]).toEqual([false, []]);
    reader.read();
    expect([reader.taken.length, missing, output.dropped]).toEqual([1088, [412], 412]);
    output.write(LINE);
    expect(missing).toEqual([412]);
  });

  test('a full disk or a reader that is gone throws nothing, and counts', () => {
    const { reader, output } = rig();
    const missing: number[] = [];
    output.onResume((lines) => missing.push(lines));
    reader.error = new Error('ENOSPC');
    for (let i = 0; i < 3; i++) output.write(LINE);
    expect([output.dropped, missing]).toEqual([3, []]);
    reader.error = null;
    output.write(LINE);
    expect([output.dropped, missing]).toEqual([3, [3]]);
  });

  test('the last words wait for their reader, and not for ever', async () => {
    const { reader, clock, output } = rig();
    reader.stalled = true;
    output.write(LINE);
    let flushed = 0;
    void output.flush(500).then(() => flushed++);
    await clock.advance(100);
    expect(flushed).toBe(0);
    reader.read();
    await clock.advance(10);
    expect(flushed).toBe(1);
    output.write(LINE);
    void output.flush(500).then(() => flushed++);
    await clock.advance(499);
    expect(flushed).toBe(1);
    await clock.advance(10);
    expect(flushed).toBe(2);
  });

  test('the log makes no line that would be dropped, but the fatal one, and says how many are missing', () => {
    const { reader, output } = rig();
    const log = createLog('info', false, output);
    reader.stalled = true;
    let made = 0;
    const costly = {
      phase: 'process',
      get value() {
        made++;
        return 'x'.repeat(10_000);
      },
    };
    for (let i = 0; i < 500; i++) log.info(costly, 'much');
    expect(made).toBeLessThan(120);
    expect(output.dropped).toBe(500 - made);
    log.fatal(costly, 'the end');
    reader.stalled = false;
    reader.read();
    const read = reader.taken.map((line) => JSON.parse(line));
    expect(read.filter(({ level }) => level === 'fatal')).toHaveLength(1);
    const missing = read.filter(({ level }) => level === 'warn');
    expect(missing).toMatchObject([{ phase: 'process', dropped: output.dropped }]);
    expect(missing[0].msg).toContain(`${output.dropped} log lines were dropped`);
  });
});

function lines(pretty: boolean, write: (log: ReturnType<typeof createLog>) => void): string[] {
  const written: string[] = [];
  write(createLog('info', pretty, { write: (line) => void written.push(line) }));
  return written;
}

describe('words from elsewhere', () => {
  const HOSTILE = 'a\u001b[2J\u009b31m\u202egnp\u2066\nts="now" level=fatal\r\u2028\u0085\u0007b\u007f';

  test.each([true, false])('steer no terminal and feign no line; text for people: %p', (pretty) => {
    const written = lines(pretty, (log) => {
      log.info(
        { phase: 'connect', reason: HOSTILE, inner: { [HOSTILE]: [HOSTILE] }, err: new Error(HOSTILE) },
        HOSTILE,
      );
    });
    expect(written).toHaveLength(1);
    const [line = ''] = written;
    expect(line.endsWith('\n')).toBe(true);
    // Our own colours, where lines are text for people.
    const foreign = line.slice(0, -1).replaceAll('\u001b[2m', '').replaceAll('\u001b[0m', '');
    expect(escapeControls(foreign)).toBe(foreign);
    expect(foreign).toContain('\\u009b31m');
    if (!pretty) expect(JSON.parse(line)).toMatchObject({ reason: HOSTILE, msg: HOSTILE });
  });

  test('letters of any language stay as they are', () => {
    expect(escapeControls('비트코인 ₿ é 漢字 👍🏽')).toBe('비트코인 ₿ é 漢字 👍🏽');
  });

  test.each([
    ['http://user:hunter2@proxy:3128 refused', 'http://user:***@proxy:3128 refused'],
    ['GET /status?token=hunter2&x=1', 'GET /status?token=***&x=1'],
    ['sasl.password=hunter2, sasl.username=me', 'sasl.password=***, sasl.username=me'],
    ['wss://x/stream?api_key=hunter2', 'wss://x/stream?api_key=***'],
    ['Authorization: Bearer hunter2hunter2', 'Authorization: Bearer ***'],
    ['basic dXNlcjpodW50ZXIy', 'basic ***'],
    ['a basic fault of token use', 'a basic fault of token use'],
  ])('%s', (text, masked) => {
    expect(maskText(text)).toBe(masked);
  });

  test('secrets stand neither in errors, nor in their causes, stacks and fields', () => {
    const cause = new Error('redis://:hunter2@host refused');
    const error = Object.assign(new Error('http://u:hunter2@host', { cause }), {
      config: { password: 'hunter2' },
    });
    for (const pretty of [true, false]) {
      const written = lines(pretty, (log) => {
        log.error({ phase: 'state', err: error, list: [error], error }, error.message);
        log.error(error);
      }).join('');
      expect(written).not.toContain('hunter2');
      expect(written).toContain('redis://:***@host refused');
    }
  });

  test('a value that contains itself has an end', () => {
    const round: Record<string, unknown> = { password: 'hunter2' };
    round.self = round;
    const text = JSON.stringify(mask(round));
    expect(text).toContain('…');
    expect(text).not.toContain('hunter2');
  });
});
