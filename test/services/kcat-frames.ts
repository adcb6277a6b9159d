/** One Kafka message as it lies in the topic. */
export interface RawMessage {
  partition: number;
  offset: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, string>;
}

/** What kcat has to print for `takeMessages`: a line of numbers and lengths, a line of headers, then the raw bytes. */
export const KCAT_FORMAT = '%p %o %T %K %S\\n%h\\n%k%s\\n';

const NEWLINE = 10;

/** Takes the complete messages from the front of what kcat has printed so far, and returns the rest. */
export function takeMessages(printed: Buffer): { messages: RawMessage[]; rest: Buffer } {
  const messages: RawMessage[] = [];
  let at = 0;
  for (;;) {
    const headersAt = printed.indexOf(NEWLINE, at) + 1;
    if (headersAt === 0) break;
    const bodyAt = printed.indexOf(NEWLINE, headersAt) + 1;
    if (bodyAt === 0) break;
    const numbers = printed
      .toString('latin1', at, headersAt - 1)
      .split(' ')
      .map(Number);
    const [partition = NaN, offset = NaN, timestamp = NaN, keyLength = NaN, valueLength = NaN] = numbers;
    if (numbers.length !== 5 || numbers.some(Number.isNaN)) {
      throw new Error(`kcat printed an unexpected line: ${printed.toString('latin1', at, headersAt - 1)}`);
    }
    const valueAt = bodyAt + Math.max(keyLength, 0);
    const end = valueAt + Math.max(valueLength, 0);
    if (printed.length < end + 1) break;
    messages.push({
      partition,
      offset,
      timestamp,
      key: keyLength < 0 ? null : Buffer.from(printed.subarray(bodyAt, valueAt)),
      value: valueLength < 0 ? null : Buffer.from(printed.subarray(valueAt, end)),
      headers: parseHeaders(printed.toString('utf8', headersAt, bodyAt - 1)),
    });
    at = end + 1;
  }
  return { messages, rest: printed.subarray(at) };
}

/** kcat separates headers by commas and quotes nothing: a comma is only taken for one before `name=`. */
function parseHeaders(line: string): Record<string, string> {
  const headers: Record<string, string> = {};
  if (line === '') return headers;
  for (const header of line.split(/,(?=[\w.-]+=)/)) {
    const split = header.indexOf('=');
    headers[header.slice(0, split)] = header.slice(split + 1);
  }
  return headers;
}
