/** How exchanges spell numbers. All of them read back as the very same double. */

/** Without exponent and trailing zeros. */
export function plain(value: number): string {
  const text = value.toFixed(8);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** Eight decimals. */
export function eight(value: number): string {
  return value.toFixed(8);
}

/** As Java prints a double: 8.0, 3.0E-4, 1.26936964043E7. */
export function java(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e7)) return Number.isInteger(value) ? `${value}.0` : `${value}`;
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

/** RFC 3339 in UTC with microseconds. */
export function isoMicros(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('Z', '000Z');
}
