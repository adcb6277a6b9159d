import { describe, expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { scratchDir } from '../services/scratch.ts';
import { complaints, ends, ROOT } from './program.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

/** An address that nobody answers at. */
const NOBODY = 'redis://:hunter2@127.0.0.1:1';
const WITHOUT_REDIS = {
  argv: [
    'run',
    '--set',
    'startup.timeout_ms=300',
    '--set',
    'messaging.driver=stdout',
    '--set',
    'http.port=0',
  ],
  env: { REDIS_URL: NOBODY },
};

/** A run that waits for Redis in vain, in whose process this happens meanwhile; its lines on standard error. */
async function preloaded(source: string): Promise<{ code: number; lines: Record<string, unknown>[] }> {
  const preload = join(scratchDir('preload'), 'preload.ts');
  const underWay = `if (process.listenerCount('SIGTERM') === 0) return;`;
  await Bun.write(
    preload,
    `const timer = setInterval(() => { ${underWay} clearInterval(timer); ${source} }, 5);`,
  );
  const child = Bun.spawn([process.execPath, '--preload', preload, 'index.ts', ...WITHOUT_REDIS.argv], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...WITHOUT_REDIS.env },
    stdin: 'ignore',
    stderr: 'pipe',
  });
  const [err, code] = await Promise.all([child.stderr.text(), child.exited]);
  const lines = err.trim().split('\n');
  return { code, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

function lastLine(err: string): Record<string, unknown> {
  return JSON.parse(err.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

describe('a run that cannot start says why', () => {
  test('in a log line, where logs are not read on a terminal', async () => {
    const { code, err } = await ends(['run', '--set', 'batch.windo_ms=1']);
    expect(code).toBe(78);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(lastLine(err)).toEqual({
      level: 'fatal',
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      phase: 'start',
      error_code: 'config_invalid',
      error_domain: 'configuration',
      severity: 'critical',
      retryable: false,
      subject: expect.stringContaining('batch.windo_ms'),
      remedy: expect.stringContaining('help settings'),
      exit: 78,
      msg: expect.stringContaining('batch.windo_ms'),
    });
  });

  test('in a log line also after the first ones, and every line is JSON', async () => {
    const { code, err } = await ends(WITHOUT_REDIS.argv, WITHOUT_REDIS.env);
    expect(code).toBe(69);
    for (const line of err.trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
    expect(complaints(err)).toHaveLength(1);
    expect(lastLine(err)).toMatchObject({ level: 'fatal', error_code: 'redis_unavailable', exit: 69 });
    expect(err).not.toContain('hunter2');
  });

  test('with a remedy for a Redis that was never there, not for one that went away', async () => {
    const { err } = await ends(WITHOUT_REDIS.argv, WITHOUT_REDIS.env);
    const { remedy } = lastLine(err);
    expect(remedy).toContain('REDIS_URL');
    expect(remedy).toContain('state.driver=memory');
    expect(remedy).not.toContain('streams go on');
  });

  test('also beside what the runtime warns of, which is a log line as well', async () => {
    const { code, lines } = await preloaded(`process.emitWarning('something is odd');`);
    expect(code).toBe(69);
    expect(lines).toContainEqual(
      expect.objectContaining({ level: 'warn', phase: 'process', msg: 'something is odd' }),
    );
  });

  test.each([
    ['thrown', `throw new Error('a bug');`],
    ['rejected', `void Promise.reject(new Error('a bug'));`],
  ])('and so is a fault that nothing caught: %s', async (_, source) => {
    const { code, lines } = await preloaded(source);
    expect(code).toBe(70);
    const { err, ...line } = lines.at(-1) ?? {};
    expect(line).toMatchObject({ level: 'fatal', phase: 'process', error_code: 'unknown_error', exit: 70 });
    expect(line.msg).toBe('unknown_error: a bug');
    expect((err as { stack: string }).stack).toContain('preload');
  });

  test('in a sentence on a terminal, and where text was asked for', async () => {
    const command = `${process.execPath} index.ts run --set batch.windo_ms=1`;
    const terminal = Bun.spawn(['script', '-qec', command, '/dev/null'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', TERM: 'xterm' },
      stdin: 'ignore',
      stdout: 'pipe',
    });
    const [said, code] = await Promise.all([terminal.stdout.text(), terminal.exited]);
    expect(code).toBe(78);
    expect(said).toContain('config_invalid: batch.windo_ms');
    expect(said).not.toContain('{');
    const asked = await ends(WITHOUT_REDIS.argv, { ...WITHOUT_REDIS.env, LOG_FORMAT: 'text' });
    expect(asked.err).toContain('\nredis_unavailable: ');
  });

  test('other commands speak to people', async () => {
    const { err } = await ends(['replay', '--exchange', 'upbit', '--type', 'trade', '/nowhere.ndjson']);
    expect(err).toStartWith('input_unreadable: ');
  });
});
