import { expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const DEMO = join(import.meta.dir, '..', 'simulator', 'demo.ts');

test('the demo shows that rows of all its streams are acknowledged within 5 s, once, and ends cleanly', async () => {
  const started = performance.now();
  const demo = Bun.spawn([process.execPath, DEMO, '--set', 'http.port=0'], {
    stderr: 'pipe',
    stdout: 'ignore',
  });
  const lines: { live: number; streams: number; acknowledged: number; not_live: string[] }[] = [];
  const decoder = new TextDecoder();
  let text = '';
  let seenAfter = Number.POSITIVE_INFINITY;
  for await (const chunk of demo.stderr) {
    const said = (text + decoder.decode(chunk, { stream: true })).split('\n');
    text = said.pop() ?? '';
    for (const line of said) {
      const entry = JSON.parse(line);
      if (entry.streams === undefined) continue;
      lines.push(entry);
      seenAfter = performance.now() - started;
      demo.kill('SIGTERM');
    }
  }
  expect(lines).toEqual([expect.objectContaining({ live: 4, streams: 4, not_live: [] })]);
  expect(lines[0]?.acknowledged).toBeGreaterThan(0);
  expect(seenAfter).toBeLessThan(5000);
  expect(await demo.exited).toBe(0);
}, 30_000);
