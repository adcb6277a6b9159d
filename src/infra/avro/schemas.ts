import connectSuccess from '../../../schemas/connect_success.avsc' with { type: 'text' };
import orderbookBatch from '../../../schemas/orderbook_batch.avsc' with { type: 'text' };
import processingMetrics from '../../../schemas/processing_metrics.avsc' with { type: 'text' };
import qualityMetrics from '../../../schemas/quality_metrics.avsc' with { type: 'text' };
import receptionMetrics from '../../../schemas/reception_metrics.avsc' with { type: 'text' };
import tickerBatch from '../../../schemas/ticker_batch.avsc' with { type: 'text' };
import tradeBatch from '../../../schemas/trade_batch.avsc' with { type: 'text' };

/** The text of every file in schemas/, by its name. */
export const SCHEMA_FILES = {
  'ticker_batch.avsc': tickerBatch,
  'trade_batch.avsc': tradeBatch,
  'orderbook_batch.avsc': orderbookBatch,
  'connect_success.avsc': connectSuccess,
  'reception_metrics.avsc': receptionMetrics,
  'processing_metrics.avsc': processingMetrics,
  'quality_metrics.avsc': qualityMetrics,
} as const;

export type SchemaFile = keyof typeof SCHEMA_FILES;
