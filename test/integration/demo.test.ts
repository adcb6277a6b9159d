import { expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const DEMO = join(import.meta.dir, '..', 'simulator', 'demo.ts');
const STREAMS = ['upbit ticker', 'upbit trade', 'binance ticker', 'binance trade'];

test('the demo shows acknowledged rows of both exchanges within 5 s and ends cleanly', async () => {
  const started = performance.now();
  const demo = Bun.spawn([process.execPath, DEMO, '--set', 'http.port=0'], {
    stderr: 'pipe',
    stdout: 'ignore',
  });
  const acknowledged = new Map<string, number>();
  const decoder = new TextDecoder();
  let text = '';
  let seenAfter = Number.POSITIVE_INFINITY;
  for await (const chunk of demo.stderr) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const entry = JSON.parse(line) as { stream?: string; acknowledged?: string };
      if (entry.stream && Number(entry.acknowledged) > 0)
        acknowledged.set(entry.stream, Number(entry.acknowledged));
    }
    if (acknowledged.size === STREAMS.length && seenAfter === Number.POSITIVE_INFINITY) {
      seenAfter = performance.now() - started;
      demo.kill('SIGTERM');
    }
  }
  expect([...acknowledged.keys()].sort()).toEqual(STREAMS.toSorted());
  expect(seenAfter).toBeLessThan(5000);
  expect(await demo.exited).toBe(0);
}, 30_000);
