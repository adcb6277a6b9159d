/** Zero and the schema's id, then Avro's first field: the length of a string, and the string. */
const AVRO_AT = 6;
/** A UUID as text, and how Avro writes that length. */
const LENGTH = 36;
const AVRO_LENGTH = LENGTH * 2;
const JSON_START = '{"ticket_id":"';

/**
 * The UUID that a value begins with, in each of our formats: by it a message is known again in its topic. Null where it
 * begins with none.
 */
export function ticketIdOf(value: Uint8Array): string | null {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (bytes[0] === 0)
    return bytes[AVRO_AT - 1] === AVRO_LENGTH && bytes.length >= AVRO_AT + LENGTH
      ? bytes.toString('latin1', AVRO_AT, AVRO_AT + LENGTH)
      : null;
  const end = JSON_START.length + LENGTH;
  return bytes.length > end && bytes.toString('latin1', 0, JSON_START.length) === JSON_START
    ? bytes.toString('latin1', JSON_START.length, end)
    : null;
}
