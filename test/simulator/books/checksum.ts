/** https://docs.kraken.com/api/docs/guides/spot-ws-book-v2: ten best asks, then ten best bids, as text on the wire. */
export function krakenChecksum(
  asks: readonly (readonly [price: string, size: string])[],
  bids: readonly (readonly [price: string, size: string])[],
): number {
  let text = '';
  for (const side of [asks, bids]) {
    for (const [price, size] of side.slice(0, 10)) text += digits(price) + digits(size);
  }
  return crc32(text);
}

function digits(text: string): string {
  return text.replace('.', '').replace(/^0+/, '');
}

/**
 * https://docs.bitfinex.com/docs/ws-websocket-checksum: the 25 best of both sides by turns, asks with negative amounts,
 * numbers as on the wire; signed.
 */
export function bitfinexChecksum(
  bids: readonly (readonly [price: number, amount: number])[],
  asks: readonly (readonly [price: number, amount: number])[],
): number {
  const parts: number[] = [];
  for (let i = 0; i < 25; i++) {
    const [bid, ask] = [bids[i], asks[i]];
    if (bid) parts.push(bid[0], bid[1]);
    if (ask) parts.push(ask[0], -ask[1]);
  }
  return crc32(parts.join(':')) | 0;
}

/** CRC-32 as in zlib, unsigned. */
function crc32(text: string): number {
  return Bun.hash.crc32(text);
}
