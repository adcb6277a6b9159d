/**
 * Keys of every exchange's frames, by type, as `test/frames` has recorded them: what `check --live` finds beyond them is
 * new. Made by `bun test/frame-keys.ts`.
 */
export const FRAME_KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  upbit: {
    ticker:
      'acc_ask_volume acc_bid_volume acc_trade_price acc_trade_price_24h acc_trade_volume acc_trade_volume_24h ask_bid change change_price change_rate code delisting_date error error.message error.name high_price highest_52_week_date highest_52_week_price is_trading_suspended low_price lowest_52_week_date lowest_52_week_price market_state market_state_for_ios market_warning method opening_price prev_closing_price result result[].codes result[].type signed_change_price signed_change_rate status stream_type ticket timestamp trade_date trade_price trade_status trade_time trade_timestamp trade_volume type',
    trade:
      'ask_bid best_ask_price best_ask_size best_bid_price best_bid_size change change_price code error error.message error.name method note prev_closing_price result result[].codes result[].type sequential_id status stream_type ticket timestamp trade_date trade_price trade_time trade_timestamp trade_volume type x x.sequential_id',
    orderbook:
      'code error error.message error.name level method orderbook_units orderbook_units[].ask_price orderbook_units[].ask_size orderbook_units[].bid_price orderbook_units[].bid_size result result[].codes result[].type status stream_type ticket timestamp total_ask_size total_bid_size type',
  },
  bithumb: {
    ticker:
      'acc_ask_volume acc_bid_volume acc_trade_price acc_trade_price_24h acc_trade_volume acc_trade_volume_24h ask_bid change change_price change_rate code delisting_date error error.message error.name high_price highest_52_week_date highest_52_week_price is_trading_suspended low_price lowest_52_week_date lowest_52_week_price market_state market_warning opening_price prev_closing_price signed_change_price signed_change_rate status stream_type timestamp trade_date trade_price trade_time trade_timestamp trade_volume type',
    trade:
      'ask_bid change change_price code error error.message error.name prev_closing_price sequential_id status stream_type timestamp trade_date trade_price trade_time trade_timestamp trade_volume type',
    orderbook:
      'code error error.message error.name level orderbook_units orderbook_units[].ask_price orderbook_units[].ask_size orderbook_units[].bid_price orderbook_units[].bid_size status stream_type timestamp total_ask_size total_bid_size type',
  },
  coinone: {
    ticker:
      'channel data data.ask_best_price data.ask_best_qty data.bid_best_price data.bid_best_qty data.first data.high data.id data.last data.low data.quote_currency data.quote_volume data.session_id data.target_currency data.target_volume data.timestamp data.volume_power data.yesterday_first data.yesterday_high data.yesterday_last data.yesterday_low data.yesterday_quote_volume data.yesterday_target_volume error_code field message response_type',
    trade:
      'channel data data.id data.is_seller_maker data.price data.qty data.quote_currency data.session_id data.target_currency data.timestamp error_code field message response_type',
    orderbook:
      'channel data data.asks data.asks[].price data.asks[].qty data.bids data.bids[].price data.bids[].qty data.id data.quote_currency data.session_id data.target_currency data.timestamp error_code field message response_type',
  },
  korbit: {
    ticker:
      'code data data.bestAskPrice data.bestBidPrice data.close data.high data.lastTradedAt data.low data.open data.prevClose data.priceChange data.priceChangePercent data.quoteVolume data.volume message requestId snapshot status symbol timestamp type',
    trade:
      'code data data[].isBuyerTaker data[].price data[].qty data[].timestamp data[].tradeId message requestId snapshot status symbol timestamp type',
    orderbook:
      'code data data.asks data.asks[].amt data.asks[].price data.asks[].qty data.bids data.bids[].price data.bids[].qty data.timestamp message requestId snapshot status symbol timestamp type',
  },
  binance: {
    ticker:
      'A B C E F L O P Q T a b c code data data.A data.B data.C data.E data.F data.L data.O data.P data.Q data.a data.b data.c data.e data.h data.l data.n data.o data.p data.q data.s data.v data.w data.x data[].E data[].c data[].e data[].s e error error.code error.msg h id k k.T k.i k.s k.t l m msg n o p q result s stream t u v w x',
    trade:
      'A B E M P T a b c code data data.E data.M data.T data.e data.m data.p data.q data.s data.t data[].E data[].c data[].e data[].s e error error.code error.msg f h id k k.T k.i k.s k.t l m msg o p q result s stream t u v w',
    orderbook:
      'A B E P T U a asks b bids c code data data.E data.U data.a data.asks data.b data.bids data.e data.lastUpdateId data.s data.u data[].E data[].c data[].e data[].s e error error.code error.msg h id k k.T k.i k.s k.t l lastUpdateId m msg o p q rest result s stream t u v w',
  },
  bybit: {
    ticker:
      'args conn_id cs cts data data.a data.b data.highPrice24h data.indexPrice data.lastPrice data.lowPrice24h data.prevPrice24h data.price24hPcnt data.s data.seq data.symbol data.turnover24h data.u data.usdIndexPrice data.volume24h op req_id ret_msg success topic ts type',
    trade:
      'args conn_id cs cts data data.a data.b data.indexPrice data.s data.seq data.symbol data.u data[].BT data[].RPI data[].S data[].T data[].i data[].p data[].s data[].seq data[].v op req_id ret_msg success topic ts type',
    orderbook:
      'args conn_id cs cts data data.a data.b data.indexPrice data.s data.seq data.symbol data.u op req_id ret_msg success topic ts type',
  },
  okx: {
    ticker:
      'action arg arg.channel arg.instId channel code connCount connId data data[].askPx data[].askSz data[].asks data[].bidPx data[].bidSz data[].bids data[].checksum data[].high24h data[].instId data[].instType data[].last data[].lastSz data[].low24h data[].open24h data[].prevSeqId data[].seqId data[].sodUtc0 data[].sodUtc8 data[].ts data[].vol24h data[].volCcy24h event id msg',
    trade:
      'action arg arg.channel arg.instId channel code connCount connId data data[].asks data[].bids data[].checksum data[].count data[].instId data[].prevSeqId data[].px data[].seqId data[].side data[].source data[].sz data[].tradeId data[].ts event id msg',
    orderbook:
      'action arg arg.channel arg.instId channel code connCount connId data data[].asks data[].bids data[].checksum data[].instId data[].prevSeqId data[].seqId data[].ts event id msg',
  },
  huobi: {
    ticker:
      'ch data data.asks data.bids data.seqNum err-code err-msg id ping rep status subbed tick tick.amount tick.ask tick.askSize tick.asks tick.bid tick.bidSize tick.bids tick.close tick.count tick.data tick.high tick.id tick.lastPrice tick.lastSize tick.low tick.open tick.prevSeqNum tick.seqNum tick.symbol tick.ts tick.version tick.vol ts unsubbed update',
    trade:
      'ch data data.asks data.bids data.seqNum err-code err-msg id ping rep status subbed tick tick.amount tick.ask tick.asks tick.bid tick.bids tick.close tick.count tick.data tick.data[].amount tick.data[].direction tick.data[].id tick.data[].isRpiTrade tick.data[].price tick.data[].tradeId tick.data[].ts tick.high tick.id tick.low tick.open tick.prevSeqNum tick.seqNum tick.symbol tick.ts tick.version tick.vol ts unsubbed update',
    orderbook:
      'ch data data.asks data.bids data.seqNum err-code err-msg id ping rep status subbed tick tick.amount tick.ask tick.asks tick.bid tick.bids tick.close tick.count tick.data tick.high tick.id tick.low tick.open tick.prevSeqNum tick.seqNum tick.symbol tick.ts tick.version tick.vol ts unsubbed update',
  },
  coinbase: {
    ticker:
      'best_ask best_ask_size best_bid best_bid_size changes channels channels[].account_ids channels[].name channels[].product_ids currencies future_member future_member.type high_24h last_size last_trade_id low_24h maker_order_id message message.a open_24h price product_id product_ids products reason sequence side size taker_order_id time trade_id type volume_24h volume_30d',
    trade:
      'changes channels channels[].account_ids channels[].name channels[].product_ids currencies last_trade_id maker_order_id message message.a price product_id product_ids products reason sequence side size taker_order_id time trade_id type',
    orderbook:
      'asks bids changes channels channels[].account_ids channels[].name channels[].product_ids currencies last_trade_id maker_order_id message message.a price product_id product_ids products reason sequence side size taker_order_id time trade_id type',
  },
  kraken: {
    ticker:
      'Error channel data data.assets data.pairs data.pairs[].base data.pairs[].qty_increment data.pairs[].qty_precision data.pairs[].quote data.pairs[].status data.pairs[].symbol data[].api_version data[].ask data[].ask_qty data[].asks data[].asks[].price data[].asks[].qty data[].bid data[].bid_qty data[].bids data[].bids[].price data[].bids[].qty data[].change data[].change_pct data[].checksum data[].connection_id data[].high data[].last data[].low data[].symbol data[].system data[].timestamp data[].trades data[].version data[].volume data[].vwap error method req_id result result.channel result.depth result.event_trigger result.snapshot result.symbol result.warnings success symbol time_in time_out type',
    trade:
      'Error channel data data.assets data.pairs data.pairs[].base data.pairs[].qty_increment data.pairs[].qty_precision data.pairs[].quote data.pairs[].status data.pairs[].symbol data[].api_version data[].ask data[].ask_qty data[].asks data[].asks[].price data[].asks[].qty data[].bid data[].bid_qty data[].bids data[].bids[].price data[].bids[].qty data[].change data[].change_pct data[].checksum data[].connection_id data[].high data[].last data[].low data[].ord_type data[].price data[].qty data[].side data[].symbol data[].system data[].timestamp data[].trade_id data[].version data[].volume data[].vwap error method req_id result result.channel result.depth result.event_trigger result.snapshot result.symbol result.warnings success symbol time_in time_out type',
    orderbook:
      'Error channel data data.assets data.pairs data.pairs[].base data.pairs[].qty_increment data.pairs[].qty_precision data.pairs[].quote data.pairs[].status data.pairs[].symbol data[].api_version data[].ask data[].ask_qty data[].asks data[].asks[].price data[].asks[].qty data[].bid data[].bid_qty data[].bids data[].bids[].price data[].bids[].qty data[].change data[].change_pct data[].checksum data[].connection_id data[].high data[].last data[].low data[].symbol data[].system data[].timestamp data[].version data[].volume data[].vwap error method req_id result result.channel result.depth result.event_trigger result.snapshot result.symbol result.warnings success symbol time_in time_out type',
  },
  bitfinex: {
    ticker:
      'chanId channel cid code event flags freq len msg pair platform platform.status prec serverId status symbol ts version',
    trade:
      'chanId channel cid code event flags freq len msg pair platform platform.status prec serverId status symbol ts version',
    orderbook:
      'chanId channel cid code event flags freq len msg pair platform platform.status prec serverId status symbol ts version',
  },
};
