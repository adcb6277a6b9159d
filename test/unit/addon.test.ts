import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LEAST_GLIBC } from '../../src/infra/kafka/addon/load.ts';
import { AddonProgram, OutageWatch } from './addon-program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const root = join(import.meta.dir, '../..');
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, index) => index)).toString('latin1');
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe.each([
  ['under Bun', false],
  ['as a binary in an empty folder', true],
])('the Kafka addon %s', (_name, compiled) => {
  const program = new AddonProgram(compiled);
  afterAll(() => program.remove());

  test('produces, reports, consumes, commits and disconnects', async () => {
    const { produced, consumed, ...rest } = await program.run(['paths']);

    expect(rest).toMatchObject({
      version: '2.15.1',
      thrown: 'thrown in a listener',
      statistics: ['producer', true],
    });
    expect(produced).toMatchObject({
      opaques: [1, 2, 3, 2_147_483_647, -5],
      offsets: [0, 1, 2, 3, 4],
      sizes: [256, 12, 10, 1, 0],
      key: 'upbit|KRW-BTC',
    });
    const message = { offset: expect.any(Number), timestamp: expect.any(Number), headers: null };
    expect(consumed).toMatchObject({
      before: [
        {
          ...message,
          ...{ key: 'upbit|KRW-BTC', value: everyByte, offset: 0 },
          headers: [
            ['text', utf8('ü한')],
            ['bytes', everyByte],
          ],
        },
        { ...message, key: 'k', value: 'null headers' },
      ],
      after: [
        { ...message, key: 'key bytes', value: 'no headers', timestamp: 1_700_000_000_123, offset: 2 },
        { ...message, key: null, value: ']' },
        { ...message, key: '', value: null, headers: [['empty', '']] },
      ],
      committed: 5_000_000_000,
      watermarks: { lowOffset: 0, highOffset: 5 },
    });
  });

  test('tells of a lost broker, and goes on when it is back', async () => {
    const host = program.start(['host']);
    const outage = await startOutage(host);
    try {
      const up = await outage.until('a delivery', 0, ({ delivered }) => Number(delivered) > 0);
      // A frozen broker answers nothing, like one behind a broken network.
      host.kill('SIGSTOP');
      const down = await outage.until('an error event', up, ({ error }) => error !== undefined);
      host.kill('SIGCONT');
      const before = await outage.until('a count', down, ({ sent }) => sent !== undefined);
      await outage.until(
        'deliveries again',
        before,
        ({ sent, delivered }) => Number(delivered) > 0 && sent === delivered,
      );
      const { sent, delivered, failed, found } = await outage.end();
      expect({ delivered, failed }).toEqual({ delivered: sent, failed: 0 });
      // The mock cluster does not know an idempotent producer's repetitions; a broker does: integration/addon.test.ts.
      expect(Number(found)).toBeGreaterThanOrEqual(Number(sent));
    } finally {
      host.kill('SIGKILL');
    }
  });

  async function startOutage(host: Bun.Subprocess<'pipe', 'pipe', 'pipe'>): Promise<OutageWatch> {
    const reader = host.stdout.getReader();
    const { value } = await reader.read();
    const bootstrap = new TextDecoder().decode(value).trim();
    return new OutageWatch(program.start(['outage', bootstrap, 'addon-outage']));
  }
});

test('a binary that cannot unpack the addon says so', async () => {
  const program = new AddonProgram(true);
  const child = program.start(['version'], { TMPDIR: '/proc', BUN_TMPDIR: '/proc' });
  const [out, code] = await Promise.all([child.stdout.text(), child.exited]);
  program.remove();
  expect(code).toBe(1);
  const { message, remedy } = JSON.parse(out);
  expect(message).toContain('now /proc: that folder must be writable and not mounted noexec');
  expect(remedy).toContain('TMPDIR=/var/tmp kor-coin-stream run');
});

test('memory stays flat over 200,000 messages and 20,000 asynchronous calls', async () => {
  const soak = Bun.spawn([process.execPath, join(root, 'test/bench/addon-soak.ts'), '200000', '20000'], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const figures = JSON.parse(await soak.stdout.text());
  expect(figures.delivered).toBe(200_000);
  // A leak of 25 bytes a message, the smallest that was seen, would be 4 MB here, one of 600 a call 11 MB.
  expect(figures.endMb).toBeLessThan(figures.startMb * 1.1 + 3);
});

test('the addon asks for no newer glibc than the documented one', () => {
  const addon = readFileSync(join(root, 'node_modules/kafka-addon/kafka.node'), 'latin1');
  const versions = [...addon.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  expect(`2.${Math.max(...versions)}`).toBe(LEAST_GLIBC);
});
