import type {
  CommandReply,
  DesiredStore,
  OutcomeStore,
  RecordPlace,
  StoredOutcome,
  Written,
} from '../../application/state-store.ts';
import { type DesiredStream, type Pin, type StreamKey, streamKey } from '../../core/desired/stream.ts';
import type { RedisConnection, RunCommand } from './connection.ts';

/** Answers that are kept per partition; far more than a consumer has uncommitted. */
export const OUTCOMES_KEPT = 4096;
const OUTCOMES_TTL_S = 7 * 86_400;

const FIELDS = [
  'version',
  'selector',
  'exceptions',
  'codes',
  'pinned',
  'pins',
  'configured',
  'shards',
  'origin',
  'correlation_id',
] as const;

/** The answer to the same record, which its reply id tells from another at the same place. */
const ANSWERED = `
local function answered(key, offset, id)
  local kept = redis.call('HGET', key, offset)
  return kept and string.find(kept, id, 1, true) and kept
end
local function remember(key, offset, reply)
  redis.call('HSET', key, offset, reply)
  redis.call('HDEL', key, tonumber(offset) - ${OUTCOMES_KEPT})
  if redis.call('HLEN', key) > ${OUTCOMES_KEPT} then
    for _, kept in ipairs(redis.call('HKEYS', key)) do
      if tonumber(kept) <= tonumber(offset) - ${OUTCOMES_KEPT} then redis.call('HDEL', key, kept) end
    end
  end
  redis.call('EXPIRE', key, ${OUTCOMES_TTL_S})
end`;

const FIELD_ARGS = FIELDS.map((field, at) => `, '${field}', ARGV[${at + 2}]`).join('');

/**
 * KEYS: desired, versions, epoch, outcomes, other streams; ARGV: expected version, fields, channel, stream, epoch or '',
 * versions of the others, and with an outcome: offset, id, reply.
 */
const WRITE = `${ANSWERED}
if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 'outdated' end
local at = ${FIELDS.length + 2}
if ARGV[at + 2] ~= '' then
  local epoch = redis.call('GET', KEYS[3]) or ''
  if string.sub(epoch, 1, #ARGV[at + 2] + 1) ~= ARGV[at + 2] .. '|' then return 'outdated' end
end
local others = #KEYS - 4
for other = 1, others do
  if (redis.call('HGET', KEYS[4 + other], 'version') or '0') ~= ARGV[at + 2 + other] then return 'outdated' end
end
local told = at + 3 + others
local offset = ARGV[told]
if offset then
  if answered(KEYS[4], offset, ARGV[told + 1]) then return 'answered' end
  remember(KEYS[4], offset, ARGV[told + 2])
end
redis.call('HSET', KEYS[1]${FIELD_ARGS})
redis.call('HSET', KEYS[2], ARGV[at + 1], ARGV[2])
redis.call('PUBLISH', ARGV[at], ARGV[at + 1])
return 'written'`;

/** KEYS: outcomes; ARGV: offset, id, reply. */
const REMEMBER = `${ANSWERED}
local kept = answered(KEYS[1], ARGV[1], ARGV[2])
if kept then return kept end
remember(KEYS[1], ARGV[1], ARGV[3])
return ARGV[3]`;

/** `desired:{exchange}|{type}`, a hash; lists are JSON. Beside them `versions`, a hash of stream → last version. */
export function redisDesired(connection: RedisConnection, prefix: string, channel: string): DesiredStore {
  const { run } = connection;
  const keyOf = (key: StreamKey) => `${prefix}desired:${streamKey(key)}`;
  const versions = `${prefix}versions`;

  async function read(key: StreamKey): Promise<DesiredStream | null> {
    const fields = await run('HMGET', keyOf(key), ...FIELDS);
    return Array.isArray(fields) ? streamOf(key, fields) : null;
  }

  return {
    read,
    async readAll(keys) {
      const streams = await Promise.all(keys.map(read));
      return streams.filter((stream) => stream !== null);
    },
    async write(expected, after, outcome, { epoch = '', others = [] } = {}) {
      const outcomes = outcome ? outcomesKey(prefix, outcome.place) : keyOf(after);
      const keys = [
        keyOf(after),
        versions,
        `${prefix}epoch`,
        outcomes,
        ...others.map(({ key }) => keyOf(key)),
      ];
      const written = await run(
        'EVAL',
        WRITE,
        keys.length,
        ...keys,
        expected,
        ...fieldsOf(after),
        channel,
        streamKey(after),
        epoch,
        ...others.map(({ version }) => version),
        ...(outcome ? outcomeArgs(outcome) : []),
      );
      return written as Written;
    },
    async epoch() {
      const { epoch, ageMs } = await connection.beat();
      return { id: epoch, ageMs };
    },
    async lastVersion(key) {
      return Number((await run('HGET', versions, streamKey(key))) ?? 0) || 0;
    },
    onNudge: (listener) => connection.onMessage(listener),
    onLoss: (listener) => connection.onLoss(listener),
  };
}

/** `outcomes:{group}|{topic}|{partition}`, a hash of offset → reply. */
export function redisOutcomes(run: RunCommand, prefix: string): OutcomeStore {
  return {
    async read(place) {
      const reply = await run('HGET', outcomesKey(prefix, place), place.offset);
      return typeof reply === 'string' ? replyOf(reply) : null;
    },
    async write(outcome) {
      const stands = await run(
        'EVAL',
        REMEMBER,
        1,
        outcomesKey(prefix, outcome.place),
        ...outcomeArgs(outcome),
      );
      return replyOf(String(stands)) ?? outcome.reply;
    },
  };
}

function outcomeArgs({ place, reply }: StoredOutcome): [number, string, string] {
  return [place.offset, reply.replyId, JSON.stringify(reply)];
}

/** Null where it is no reply: the record is then answered as if it came for the first time. */
function replyOf(json: string): CommandReply | null {
  try {
    const reply: unknown = JSON.parse(json);
    return typeof reply === 'object' && reply !== null && 'replyId' in reply ? (reply as CommandReply) : null;
  } catch {
    return null;
  }
}

function outcomesKey(prefix: string, { group, topic, partition }: RecordPlace): string {
  return `${prefix}outcomes:${group}|${topic}|${partition}`;
}

function fieldsOf(stream: DesiredStream): string[] {
  return FIELDS.map((field) => {
    const value = stream[field];
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '');
  });
}

/** Null also for a record that cannot be one of ours: it is lost, whoever wrote over it. */
function streamOf(key: StreamKey, stored: readonly unknown[]): DesiredStream | null {
  const fields = stored.map((field) => (typeof field === 'string' ? field : null));
  const [version, selector, exceptions, codes, pinned, pins, configured, shards, origin, correlation] =
    fields;
  if (version === null || version === undefined || !Number.isSafeInteger(Number(version))) return null;
  const lists = {
    exceptions: listOf(exceptions, isText),
    codes: listOf(codes, isText),
    pinned: listOf(pinned, isText),
    pins: listOf(pins, isPin),
    configured: listOf(configured, isText),
    shards: listOf(shards, isTexts),
  };
  const { exceptions: out, codes: wanted, pinned: fixed, pins: by, configured: own, shards: spread } = lists;
  if (!out || !wanted || !fixed || !by || !own || !spread) return null;
  return {
    exchange: key.exchange,
    request_type: key.request_type,
    version: Number(version),
    selector: selector === '*' ? '*' : null,
    exceptions: out,
    codes: wanted,
    pinned: fixed,
    pins: by,
    configured: own,
    shards: spread,
    origin: origin || null,
    correlation_id: correlation || null,
  };
}

/** Empty where the field is not there; null where it is no list of such. */
function listOf<T>(
  json: string | null | undefined,
  fits: (element: unknown) => element is T,
): readonly T[] | null {
  if (!json) return [];
  try {
    const list: unknown = JSON.parse(json);
    return Array.isArray(list) && list.every(fits) ? list : null;
  } catch {
    return null;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isPin(value: unknown): value is Pin {
  const { collector, place, symbols } = (value ?? {}) as Partial<Record<keyof Pin, unknown>>;
  return isText(collector) && isText(place) && isTexts(symbols);
}
