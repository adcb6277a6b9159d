// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** Everything the page says, in both of its languages. `…Of` take what they speak of. */
const WORDS = {
  en: {
    skip: 'Skip to the streams',
    language: '한국어',
    light: 'Light',
    dark: 'Dark',
    themeLabel: 'Colours',
    languageLabel: 'Language',
    ready: 'Ready',
    notReady: 'Not ready',
    waiting: 'Connecting',
    rowsPerSecond: 'rows / s',
    acknowledged: 'acknowledged',
    received: 'received',
    fresh: 'last data',
    net: 'exchange → here',
    ack: 'here → Kafka',
    netLine: 'from exchange, p95',
    ackLine: 'to Kafka, p95',
    peak: 'peak',
    gaps: 'gaps, 15 min',
    codes: 'codes',
    code: 'code',
    state: 'state',
    price: 'price',
    missing: 'missing trades',
    filter: 'Find a code',
    recentGaps: 'Latest gaps',
    noGaps: 'none',
    pending: 'on their way',
    oldest: 'oldest row waiting',
    noneWaits: 'none waits',
    messagesOf: (time) => `messages ${time}`,
    collectors: 'collectors',
    leases: 'leases held here',
    lostOf: (count) => `${count} lost`,
    elsewhere: 'received elsewhere',
    stream: 'stream',
    search: 'Find a stream or a code',
    show: 'Show',
    showAll: 'All',
    showTroubled: 'With troubles',
    noMatch: 'No stream and no code is like that.',
    asOf: (time) => `as of ${time}`,
    manyOf: (count, what, names) => `${count} × ${what}: ${names}`,
    justNow: '< 1 s',
    budget: 'byte budget',
    memory: 'memory',
    uptime: 'up for',
    broker: 'broker',
    store: 'state',
    sockets: 'sockets',
    rejected: 'rejected',
    bytes: 'incoming',
    percentiles: 'p50 · p95 · p99',
    ago15: '15 min ago',
    ago10: '10 min',
    ago5: '5 min',
    now: 'now',
    never: 'never',
    exchanges: 'Streams by exchange',
    nothing: 'No stream runs yet. Send a connect_and_subscribe command, or start one with --exchange.',
    keys: 'Keys: j/k next or previous stream · Enter opens · / finds a stream or code · Esc leaves · t colours · l language',
    filling: 'The chart fills as time passes.',
    live_link: 'live',
    lost_link: 'connection lost, trying again',
    away: 'down',
    up: 'up',
    chart: 'Rows a second over the last 15 minutes',
    ticker: 'ticker',
    trade: 'trade',
    orderbook: 'order book',
    states: {
      live: 'live',
      connecting: 'connecting',
      stale: 'no data',
      backoff: 'retrying',
      blocked: 'blocked',
      stopped: 'stopped',
      paused: 'paused',
      refused: 'refused',
      unconfirmed: 'waiting',
      quiet: 'quiet',
    },
    causes: {
      cut: 'connection cut',
      pause: 'reading paused',
      stale: 'no data',
      takeover: 'takeover',
      restart: 'restart',
      missing_ids: 'ids missing',
      refused: 'refused',
      undelivered: 'undelivered',
    },
    shownOf: (shown, all) => (shown === all ? `${all}` : `${shown} of ${all}`),
    openOf: (count) => `${count} open`,
    codesOf: (count) => `${count} ${count === '1' ? 'code' : 'codes'}`,
    rateOf: (count) => `${count} rows / s`,
    socketsOf: (count) => `${count} ${count === '1' ? 'socket' : 'sockets'}`,
    againIn: (time) => `next try in ${time}`,
  },
  ko: {
    skip: '스트림으로 건너뛰기',
    language: 'English',
    light: '밝게',
    dark: '어둡게',
    themeLabel: '색상',
    languageLabel: '언어',
    ready: '정상',
    notReady: '이상 있음',
    waiting: '연결 중',
    rowsPerSecond: '초당 건수',
    acknowledged: '저장 확인',
    received: '수신',
    fresh: '최근 수신',
    net: '거래소 → 수신',
    ack: '수신 → Kafka',
    netLine: '거래소 → 수신 p95',
    ackLine: '수신 → Kafka p95',
    peak: '최고',
    gaps: '15분간 공백',
    codes: '종목',
    code: '종목',
    state: '상태',
    price: '가격',
    missing: '누락 체결',
    filter: '종목 찾기',
    recentGaps: '최근 공백 구간',
    noGaps: '없음',
    pending: '저장 대기',
    oldest: '가장 오래된 미확인 건',
    noneWaits: '대기 없음',
    messagesOf: (time) => `관리 메시지 ${time}`,
    collectors: '수집기',
    leases: '보유한 임대',
    lostOf: (count) => `${count}개 빼앗김`,
    elsewhere: '다른 수집기가 수신',
    stream: '스트림',
    search: '스트림·종목 찾기',
    show: '보기',
    showAll: '전체',
    showTroubled: '이상 있음',
    noMatch: '일치하는 스트림이나 종목이 없습니다.',
    asOf: (time) => `${time} 기준`,
    manyOf: (count, what, names) => `${what} ${count}건: ${names}`,
    justNow: '< 1초',
    budget: '버퍼 사용',
    memory: '메모리',
    uptime: '가동 시간',
    broker: '브로커',
    store: '상태 저장소',
    sockets: '소켓',
    rejected: '거부',
    bytes: '수신량',
    percentiles: 'p50 · p95 · p99',
    ago15: '15분 전',
    ago10: '10분',
    ago5: '5분',
    now: '지금',
    never: '없음',
    exchanges: '거래소별 스트림',
    nothing: '실행 중인 스트림이 없습니다. connect_and_subscribe 명령을 보내거나 --exchange로 시작하세요.',
    keys: '단축키: j/k 스트림 이동 · Enter 열기 · / 스트림·종목 찾기 · Esc 나가기 · t 색상 · l 언어',
    filling: '시간이 지나면 그래프가 채워집니다.',
    live_link: '실시간',
    lost_link: '연결이 끊겨 다시 시도하는 중',
    away: '응답 없음',
    up: '정상',
    chart: '최근 15분 초당 건수',
    ticker: '현재가',
    trade: '체결',
    orderbook: '호가',
    states: {
      live: '수신 중',
      connecting: '연결 중',
      stale: '데이터 없음',
      backoff: '재시도 대기',
      blocked: '차단됨',
      stopped: '정지',
      paused: '일시 중지',
      refused: '거절됨',
      unconfirmed: '대기',
      quiet: '조용함',
    },
    causes: {
      cut: '연결 끊김',
      pause: '읽기 중지',
      stale: '데이터 없음',
      takeover: '인계',
      restart: '재시작',
      missing_ids: '번호 누락',
      refused: '거절됨',
      undelivered: '전달 실패',
    },
    shownOf: (shown, all) => (shown === all ? `${all}개` : `${all}개 중 ${shown}개`),
    codesOf: (count) => `종목 ${count}개`,
    rateOf: (count) => `초당 ${count}건`,
    openOf: (count) => `${count} 진행 중`,
    socketsOf: (count) => `소켓 ${count}개`,
    againIn: (time) => `${time} 후 재시도`,
  },
};

/** The language in use, and its words. */
let language = remembered('kcs-language') ?? (navigator.language.startsWith('ko') ? 'ko' : 'en');
let words = WORDS[language];

/** From now on the page speaks this language. */
function speak(next) {
  language = next;
  words = WORDS[next];
}

/** A choice of earlier visits; null where there is none or the browser keeps nothing. */
function remembered(key) {
  try {
    const value = localStorage.getItem(key);
    return value === 'en' || value === 'ko' || value === 'light' || value === 'dark' ? value : null;
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // It holds for this visit.
  }
}

/** Puts the words into everything below `root` that asks for one. */
function translate(root) {
  for (const element of root.querySelectorAll('[data-word]'))
    element.textContent = words[element.dataset.word] ?? '';
  for (const element of root.querySelectorAll('[data-label]'))
    element.setAttribute('aria-label', words[element.dataset.label] ?? '');
  for (const element of root.querySelectorAll('[data-hint]'))
    element.setAttribute('placeholder', words[element.dataset.hint] ?? '');
}
