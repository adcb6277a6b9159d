import type { Kafka } from '../addon/load.ts';

/** librdkafka's words for one of its codes: `broker: message size too large (10)`. */
export function errorText(kafka: Kafka): (code: number) => string {
  const names = new Map<number, string>();
  for (const [name, code] of Object.entries(kafka.CODES.ERRORS)) {
    const words = name
      .replace(/^ERR_+/, '')
      .replaceAll('_', ' ')
      .toLowerCase();
    if (typeof code === 'number') names.set(code, words);
  }
  return (code) => `${names.get(code) ?? 'unknown error'} (${code})`;
}
