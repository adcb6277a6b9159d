/** Records that are no commands, of every kind, each with the path that has to be named. */
export interface MalformedRecord {
  readonly kind: string;
  readonly value: Uint8Array | null;
  /** A path that must be among the errors. */
  readonly path: string;
}

export const GOOD = {
  type: 'command',
  action: 'connect_and_subscribe',
  target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
  symbols: ['KRW-BTC'],
  connection: { url: 'wss://api.upbit.com/websocket/v1', socket_params: [{ ticket: 'x' }], ticket_id: 't' },
  projection: null,
  schema_version: '1.0',
  ttl_ms: 60_000_000_000,
  routing: { source: 'backoffice' },
  ts_issue: 1_790_000_000_000,
  ts_ingest: null,
  timestamp: '2026-02-25T06:13:20Z',
  correlation_id: '7b0d7f6e-2c1a-4a53-9f0e-0d9d7d1c9a11',
  reason: 'manual',
  meta: {},
} as const;

const REQUIRED = ['action', 'target', 'target.exchange', 'target.region', 'target.request_type', 'symbols'];
const WRONG: readonly [string, unknown[]][] = [
  ['type', [1, true, {}, [], null]],
  ['action', [1, null, {}, 'connect', 'update', '', ['status']]],
  ['target', [1, 'upbit', null, [], true]],
  ['target.exchange', [1, null, {}, '', '  ', ['upbit']]],
  ['target.region', [1, null, {}, '', []]],
  ['target.request_type', [1, null, {}, '', []]],
  ['symbols', ['KRW-BTC', 1, {}, true]],
  ['symbols.0', [[1], [null], [{}], [''], ['   '], [['KRW-BTC']], ['x'.repeat(65)]]],
  [
    'symbols.1',
    [
      ['KRW-BTC', '*'],
      ['KRW-BTC', 5],
    ],
  ],
  ['connection', [1, 'wss://x', [], true]],
  ['connection.url', [1, {}, '', []]],
  ['connection.socket_params', [1, 'x', true]],
  ['connection.ticket_id', [1, {}]],
  ['projection', [1, 'a', {}]],
  ['projection.0', [[1]]],
  ['schema_version', [1, {}, []]],
  ['ttl_ms', [0, -1, 1.5, '60', {}, Number.POSITIVE_INFINITY]],
  ['routing', [1, 'x', []]],
  ['ts_issue', [-1, 1.5, 'now', {}]],
  ['ts_ingest', [-1, 'now']],
  ['timestamp', [1, {}]],
  ['correlation_id', [1, {}, '', 'x'.repeat(300)]],
  ['ticket_id', [1, [], '']],
  ['reason', [1, {}]],
  ['meta', [1, 'x', []]],
];
const NOT_OBJECTS = ['null', 'true', '12', '"text"', '[]', '[{"type":"command"}]', '1e999'];
const NOT_JSON = [
  '',
  ' ',
  '{',
  '{"type":"command",}',
  'nonsense',
  '{"a":NaN}',
  '\u0000',
  "{'type':'command'}",
];

/** @param random uniform in [0, 1) */
export function malformedRecord(random: () => number): MalformedRecord {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const encode = (text: string) => new TextEncoder().encode(text);
  switch (Math.floor(random() * 9)) {
    case 0:
      return { kind: 'tombstone', value: null, path: '' };
    case 1:
      return { kind: 'not JSON', value: encode(pick(NOT_JSON)), path: '' };
    case 2:
      return { kind: 'not an object', value: encode(pick(NOT_OBJECTS)), path: '' };
    case 3: {
      const bytes = encode(JSON.stringify(GOOD));
      bytes[Math.floor(random() * bytes.length)] = 0xff;
      return { kind: 'not UTF-8', value: bytes, path: '' };
    }
    case 4: {
      const path = pick(REQUIRED);
      return { kind: `without ${path}`, value: encode(JSON.stringify(changed(path, undefined))), path };
    }
    case 5: {
      const path = pick(['extra', 'target.extra', 'connection.extra', 'Symbols', '__proto__']);
      const text =
        path === '__proto__'
          ? JSON.stringify(GOOD).replace('{', '{"__proto__":{"type":"x"},')
          : JSON.stringify(changed(path, 1));
      return { kind: `unknown ${path}`, value: encode(text), path };
    }
    case 6: {
      const depth = 1000 + Math.floor(random() * 100_000);
      const nested = '['.repeat(depth) + ']'.repeat(depth);
      return {
        kind: 'nested',
        value: encode(JSON.stringify(changed('symbols.0', 0)).replace('[0]', `[${nested}]`)),
        path: '',
      };
    }
    default: {
      const [path, values] = pick(WRONG);
      const value = pick(values);
      const at = path.replace(/\.\d+$/, '');
      const text = JSON.stringify(changed(at, value === Number.POSITIVE_INFINITY ? 'INF' : value)).replace(
        '"INF"',
        '1e400',
      );
      return { kind: `${path} = ${JSON.stringify(value)}`, value: encode(text), path };
    }
  }
}

/** The good command with one field changed, added or taken away. */
function changed(path: string, value: unknown): Record<string, unknown> {
  const copy = structuredClone(GOOD) as Record<string, unknown>;
  const [first = '', second] = path.split('.');
  if (second === undefined) copy[first] = value;
  else if (first === 'symbols') copy.symbols = [value];
  else copy[first] = { ...(copy[first] as object), [second]: value };
  return copy;
}
