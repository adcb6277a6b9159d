import { Histogram } from '../../common/histogram.ts';

/** Running figures of one stream since the program started; readers take differences. */
export class StreamStats {
  /** Frames that arrived. */
  frames = 0;
  /** Their wire bytes, after decompression by the WebSocket layer. */
  bytes = 0;
  /** Frames read without fault. */
  parsed = 0;
  /** Frames with something unreadable in them. */
  failed = 0;
  /** Frames, or elements of them, that did not become a row. */
  rejected = 0;
  /** Rows handed to the writer. */
  written = 0;
  /** Rows that Kafka acknowledged. */
  acked = 0;
  /** Messages that Kafka acknowledged, and the bytes of their values. */
  batches = 0;
  ackedBytes = 0;
  /** Rows the writer gave up on at the stop deadline. */
  undelivered = 0;

  /** Exchange event → received, µs. */
  readonly network = new Histogram();
  /** Received → acknowledged, µs. */
  readonly delivery = new Histogram();
}
