import { expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { takeMessages } from '../services/kcat-frames.ts';
import { canListen, freePort } from '../services/ports.ts';

function printed(line: string, headers: string, key: string, value: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${line}\n${headers}\n${key}`), Buffer.from(value), Buffer.from('\n')]);
}

test('messages are cut by their lengths, whatever bytes they hold', () => {
  const value = Buffer.from([0, 10, 255, 10]);
  const output = Buffer.concat([
    printed('0 7 1700000000000 3 4', 'content-type=application/avro,schema-version=1', 'a\nb', value),
    printed('1 0 1700000000001 -1 -1', '', '', ''),
    printed('2 5 1700000000002 0 0', 'list=a,b,c=d', '', ''),
  ]);
  const { messages, rest } = takeMessages(output);
  expect(rest.length).toBe(0);
  expect(messages).toEqual([
    {
      partition: 0,
      offset: 7,
      timestamp: 1700000000000,
      key: Buffer.from('a\nb'),
      value,
      headers: { 'content-type': 'application/avro', 'schema-version': '1' },
    },
    { partition: 1, offset: 0, timestamp: 1700000000001, key: null, value: null, headers: {} },
    {
      partition: 2,
      offset: 5,
      timestamp: 1700000000002,
      key: Buffer.alloc(0),
      value: Buffer.alloc(0),
      headers: { list: 'a,b', c: 'd' },
    },
  ]);
});

test('a message that is not all there yet stays in the rest', () => {
  const whole = printed('0 0 1 2 5', 'a=b', 'k1', 'hello');
  for (let length = 0; length < whole.length; length++) {
    const { messages, rest } = takeMessages(whole.subarray(0, length));
    expect(messages).toEqual([]);
    expect(rest.length).toBe(length);
  }
  const next = printed('0 1 2 2 5', '', 'k2', 'world');
  const { messages, rest } = takeMessages(Buffer.concat([whole, next.subarray(0, 9)]));
  expect(messages.map((message) => message.value?.toString())).toEqual(['hello']);
  expect(rest).toEqual(next.subarray(0, 9));
});

test('output of another shape is refused, not guessed at', () => {
  expect(() => takeMessages(Buffer.from('% Reached end of topic\n\n'))).toThrow('unexpected line');
});

test('a free port can be listened on, and is taken while somebody does', async () => {
  const port = await freePort();
  expect(port).toBeLessThan(32_768);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  expect(await canListen(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await canListen(port)).toBe(true);
});
