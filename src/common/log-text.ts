/** What logs and failures may show of words that come from elsewhere: no secrets, nothing that steers a terminal. */

const SECRET_KEY =
  /(password|passwd|secret|token|credential|authorization|cookie|api[-_]?key|ssl\.key|basic\.auth)/i;
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@:]*):([^\s/]+)@/gi;
/** `?token=…`, `&api_key=…`, `sasl.password=…` */
const ASSIGNED =
  /((?:^|[?&;,\s"'])[\w.-]*(?:password|passwd|secret|token|credential|api[-_]?key|signature)[\w.-]*=)[^&;,\s"']+/gi;
const AUTHORIZATION = /\b(basic|bearer) +[\w.~+/=-]{6,}/gi;
/** Deeper than any of our own fields; also the end of what contains itself. */
const MAX_DEPTH = 8;

/** Hides passwords and tokens inside addresses and headers: `redis://:***@host`. */
export function maskText(text: string): string {
  return text.replace(USERINFO, '$1$2:***@').replace(ASSIGNED, '$1***').replace(AUTHORIZATION, '$1 ***');
}

/** A copy of `value` in which every secret, by its key or inside a text, is masked. */
export function mask(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (depth === MAX_DEPTH) return '…';
  if (value instanceof Error) return mask(errorFields(value), depth + 1);
  if (Array.isArray(value)) return value.map((inner) => mask(inner, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_KEY.test(key) && inner !== null && inner !== '' ? '***' : mask(inner, depth + 1),
    ]),
  );
}

function errorFields(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return { ...error, type: name, message, stack, ...(cause === undefined ? {} : { cause }) };
}

/** C0 and C1 controls, DEL, marks that turn the direction of writing, and separators that some take for a new line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text in which nothing steers a terminal or breaks the line; what would is shown as `\u001b`, as JSON does. */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, (character) => {
    if (character === '\n') return '\\n';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
