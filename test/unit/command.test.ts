import { describe, expect, test } from 'bun:test';
import { parseCommand } from '../../src/core/commands/parse.ts';
import { GOOD, malformedRecord } from './malformed-commands.ts';
import { randomOf } from './random.ts';

const RECORD_MS = 1_790_000_001_000;

function parse(value: unknown) {
  return parseCommand(new TextEncoder().encode(JSON.stringify(value)), RECORD_MS);
}

describe('well-formed commands', () => {
  test('every legal field', () => {
    expect(parse(GOOD)).toEqual({
      kind: 'command',
      command: {
        action: 'connect_and_subscribe',
        target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
        symbols: ['KRW-BTC'],
        correlationId: '7b0d7f6e-2c1a-4a53-9f0e-0d9d7d1c9a11',
        issuedAtMs: 1_790_000_000_000,
        ttlMs: 60_000_000_000,
        url: 'wss://api.upbit.com/websocket/v1',
        socketParams: true,
      },
    });
  });

  test('as old senders write: type status, ticket_id, no ts_issue; strings trimmed, repeats once', () => {
    const parsed = parse({
      type: 'status',
      action: ' connect_and_subscribe ',
      ticket_id: 'abc',
      target: { exchange: 'binance ', region: ' asia', request_type: 'trade' },
      symbols: ['BTCUSDT', ' BTCUSDT', 'ETHUSDT'],
      connection: { url: 'wss://stream.binance.com:9443/ws', socket_params: { method: 'SUBSCRIBE' } },
    });
    expect(parsed).toMatchObject({
      command: {
        correlationId: 'abc',
        symbols: ['BTCUSDT', 'ETHUSDT'],
        target: { exchange: 'binance', region: 'asia' },
        issuedAtMs: RECORD_MS,
        ttlMs: null,
      },
    });
  });

  test('correlation_id counts more than ticket_id; a disconnect needs no symbols', () => {
    const { target } = GOOD;
    expect(
      parse({ type: 'status', action: 'disconnect', target, correlation_id: 'c', ticket_id: 't' }),
    ).toMatchObject({
      command: { action: 'disconnect', correlationId: 'c', symbols: [] },
    });
    expect(parse({ type: 'command', action: 'connect_and_subscribe', target, symbols: [] }).kind).toBe(
      'command',
    );
  });

  test('an unknown exchange, region or type is for the reducer to refuse', () => {
    const target = { exchange: 'nope', region: 'mars', request_type: 'candles' };
    expect(parse({ ...GOOD, target })).toMatchObject({ kind: 'command', command: { target } });
  });
});

test('a foreign type is told apart, whatever else the record holds', () => {
  for (const type of ['event', 'heartbeat', '', 'Command']) {
    expect(parse({ type, anything: [1, 2] })).toEqual({ kind: 'foreign', type });
  }
});

describe('malformed records', () => {
  test('every offending field is named', () => {
    const parsed = parse({
      type: 'command',
      action: 'fly',
      target: { exchange: 1, region: 'korea', wat: 2 },
      symbols: ['KRW-BTC', 3, ''],
      ttl_ms: -1,
      extra: 1,
      correlation_id: 'mine',
    });
    if (parsed.kind !== 'malformed') throw new Error(parsed.kind);
    expect(parsed.errors.map(({ path }) => path).sort()).toEqual([
      'action',
      'extra',
      'symbols.1',
      'symbols.2',
      'target.exchange',
      'target.request_type',
      'target.wat',
      'ttl_ms',
    ]);
    expect(parsed).toMatchObject({
      reason: 'invalid_command',
      correlationId: 'mine',
      target: { region: 'korea' },
    });
  });

  test.each([
    ['tombstone', null],
    ['not_json', new Uint8Array()],
    ['not_json', new TextEncoder().encode('{"type":"command"')],
    ['not_utf8', Uint8Array.of(0x7b, 0xff, 0x7d)],
    ['invalid_command', new TextEncoder().encode('[]')],
  ])('%s', (reason, value) => {
    expect(parseCommand(value, RECORD_MS)).toMatchObject({
      kind: 'malformed',
      reason,
      errors: [{ path: '' }],
    });
  });

  test('10 MB of anything are read in a moment and answered within bounds', () => {
    const many = (text: string) => new TextEncoder().encode(text);
    const million = 10_000_000;
    const values = [
      many('['.repeat(million)),
      many(`{"type":"command","symbols":[${'1,'.repeat(million / 2)}1]}`),
      many(`{"type":"command","action":"${'x'.repeat(million)}"}`),
      many(`{"type":"command",${Array.from({ length: 500_000 }, (_, at) => `"k${at}":{}`).join(',')}}`),
      many(JSON.stringify({ ...GOOD, action: 'fly', meta: { text: 'y'.repeat(million) } })),
      new Uint8Array(million),
      new Uint8Array(million).fill(0xfe),
    ];
    const before = process.cpuUsage();
    for (const value of values) {
      const parsed = parseCommand(value, RECORD_MS);
      expect(parsed.kind).toBe('malformed');
      expect(JSON.stringify(parsed).length).toBeLessThan(400_000);
    }
    // Of the processor, as others may be busy on it.
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(10_000);
  });

  const seed = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
  test(`500 generated ones: refused, with the path (seed ${seed})`, () => {
    const random = randomOf(seed);
    for (let made = 0; made < 500; made++) {
      const { kind, value, path } = malformedRecord(random);
      const parsed = parseCommand(value, RECORD_MS);
      if (parsed.kind !== 'malformed') throw new Error(`${kind} was taken for a ${parsed.kind}`);
      const paths = parsed.errors.map((error) => error.path);
      if (path !== '' && !paths.includes(path))
        throw new Error(`${kind}: ${path} is not among ${paths.join(', ')}`);
      expect(parsed.errors.length).toBeGreaterThan(0);
    }
  });
});
