import { describe, expect, setDefaultTimeout, test } from 'bun:test';
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
