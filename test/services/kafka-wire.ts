import { exchange } from './tcp.ts';

/** Just enough of Kafka's protocol to know a broker, make a topic and give rights, with nothing of the product's. */

const OFFSET_FETCH = 9;
const CREATE_TOPICS = 19;
const DELETE_TOPICS = 20;
const CREATE_ACLS = 30;
const DELETE_ACLS = 31;
const ELECT_LEADERS = 43;
const INCREMENTAL_ALTER_CONFIGS = 44;
const API_VERSIONS = 18;
const TOPIC_ALREADY_EXISTS = 36;

/** Whether the broker at host:port answers requests. */
export async function brokerAnswers(bootstrap: string): Promise<boolean> {
  return (await request(bootstrap, API_VERSIONS, 0, Buffer.alloc(0))) !== undefined;
}

/** Creates a topic; one that exists stays as it is. Throws on any other answer, with the broker's error code. */
export async function createTopic(
  bootstrap: string,
  topic: string,
  partitions = 1,
  config: Record<string, string> = {},
  replicas = 1,
): Promise<void> {
  const entries = Object.entries(config).flatMap(([key, value]) => [string(key), string(value)]);
  const body = Buffer.concat([
    int32(1),
    string(topic),
    int32(partitions),
    int16(replicas),
    int32(0),
    int32(entries.length / 2),
    ...entries,
    int32(10_000),
    Buffer.from([0]),
  ]);
  const answer = await request(bootstrap, CREATE_TOPICS, 2, body);
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  const nameLength = answer.readInt16BE(8);
  const code = answer.readInt16BE(10 + nameLength);
  if (code !== 0 && code !== TOPIC_ALREADY_EXISTS) {
    throw new Error(`the broker refused to create topic ${topic}: error code ${code}`);
  }
}

/** Deletes a topic with all that is in it. Throws with the broker's error code. */
export async function deleteTopic(bootstrap: string, topic: string): Promise<void> {
  const body = Buffer.concat([int32(1), string(topic), int32(10_000)]);
  const answer = await request(bootstrap, DELETE_TOPICS, 1, body);
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  const code = answer.readInt16BE(8 + string(topic).length);
  if (code !== 0) throw new Error(`the broker refused to delete topic ${topic}: error code ${code}`);
}

/**
 * Gives every partition back to the broker that is its first: what a cluster does by itself every five minutes after one
 * of its brokers was away. Resolves when the leaders have moved. Throws with the broker's error code.
 */
export async function preferLeaders(bootstrap: string): Promise<void> {
  const body = Buffer.concat([Buffer.from([PREFERRED]), int32(EVERY_TOPIC), int32(10_000)]);
  const answer = await request(bootstrap, ELECT_LEADERS, 1, body);
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  const code = answer.readInt16BE(4);
  if (code !== 0) throw new Error(`the broker refused to move leaders: error code ${code}`);
}

/** The offset that a group has committed for a partition; -1 where it committed none. */
export async function committedOffset(
  bootstrap: string,
  group: string,
  topic: string,
  partition: number,
): Promise<number> {
  const body = Buffer.concat([string(group), int32(1), string(topic), int32(1), int32(partition)]);
  const answer = await request(bootstrap, OFFSET_FETCH, 1, body);
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  // One topic with its name, one partition with its number, then the offset.
  return Number(answer.readBigInt64BE(4 + string(topic).length + 4 + 4));
}

/** A right on one topic or group, from every host. */
export interface Right {
  principal: string;
  operation: 'Read' | 'Write' | 'Describe';
  on: 'topic' | 'group';
  name: string;
}

const RESOURCES = { topic: 2, group: 3 };
const OPERATIONS = { Read: 3, Write: 4, Describe: 8 };
const LITERAL = 3;
const SET = 0;
const DENY = 2;
const PREFERRED = 0;
const EVERY_TOPIC = -1;
const ALLOW = 3;

/** Gives rights, all in one request. Throws with the broker's first error code. */
export function allow(bootstrap: string, rights: readonly Right[]): Promise<void> {
  return changeRules(bootstrap, CREATE_ACLS, rights, ALLOW);
}

/** Withdraws rights by rules that go before every permission, until `undeny`. Throws as `allow` does. */
export function deny(bootstrap: string, rights: readonly Right[]): Promise<void> {
  return changeRules(bootstrap, CREATE_ACLS, rights, DENY);
}

/** Takes the rules of `deny` back. Throws as `allow` does. */
export function undeny(bootstrap: string, rights: readonly Right[]): Promise<void> {
  return changeRules(bootstrap, DELETE_ACLS, rights, DENY);
}

/** A rule to create and the filter that finds it have one form. */
async function changeRules(
  bootstrap: string,
  api: number,
  rights: readonly Right[],
  permission: number,
): Promise<void> {
  const entries = rights.flatMap(({ principal, operation, on, name }) => [
    Buffer.from([RESOURCES[on]]),
    string(name),
    Buffer.from([LITERAL]),
    string(principal),
    string('*'),
    Buffer.from([OPERATIONS[operation], permission]),
  ]);
  const answer = await request(bootstrap, api, 1, Buffer.concat([int32(rights.length), ...entries]));
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  const code = answer.readInt16BE(8);
  if (code !== 0) throw new Error(`the broker refused to change rights: error code ${code}`);
}

/** Changes settings of a topic that is there. Throws with the broker's error code. */
export async function configureTopic(
  bootstrap: string,
  topic: string,
  config: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(config).flatMap(([key, value]) => [
    string(key),
    Buffer.from([SET]),
    string(value),
  ]);
  const body = Buffer.concat([
    int32(1),
    Buffer.from([RESOURCES.topic]),
    string(topic),
    int32(entries.length / 3),
    ...entries,
    Buffer.from([0]),
  ]);
  const answer = await request(bootstrap, INCREMENTAL_ALTER_CONFIGS, 0, body);
  if (answer === undefined) throw new Error(`no answer from the broker at ${bootstrap}`);
  const code = answer.readInt16BE(8);
  if (code !== 0) throw new Error(`the broker refused settings of topic ${topic}: error code ${code}`);
}

/** The body of the answer, after the correlation id. Every request is answered by the one broker of a test cluster. */
async function request(
  bootstrap: string,
  api: number,
  version: number,
  body: Buffer,
): Promise<Buffer | undefined> {
  const message = Buffer.concat([int16(api), int16(version), int32(1), string('test'), body]);
  const { hostname, port } = new URL(`kafka://${bootstrap.split(',')[0]}`);
  const answer = await exchange(
    Number(port || 9092),
    Buffer.concat([int32(message.length), message]),
    (got) => got.length >= 4 && got.length >= 4 + got.readInt32BE(0),
    hostname,
  );
  return answer?.subarray(8);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
