import type { Level, Listing } from '../protocol.ts';

/** A level as a channel tells it; size 0 where it is gone. */
export interface BookLevel extends Level {
  /** Orders behind it; 0 where it is gone. */
  readonly orders: number;
}

/** What counts the publications of a code; each exchange's own numbers follow from these. */
export interface Numbers {
  /** Exchange time, epoch milliseconds; rises from frame to frame of a code. */
  readonly timeMs: number;
  /** Level changes of the code so far. */
  readonly version: number;
  /** `version` at the channel's last frame. Above `version` only after a reset of the numbers. */
  readonly previous: number;
  /** Frames of the channel so far, this one among them. */
  readonly frame: number;
}

/** A whole window of a book, best first. */
export interface BookView extends Numbers {
  readonly listing: Listing;
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
  /** True where it answers a subscription. */
  readonly snapshot: boolean;
}

/** What changed since the channel's last frame, bids and asks best first. */
export interface BookChange extends Numbers {
  readonly listing: Listing;
  readonly bids: readonly BookLevel[];
  readonly asks: readonly BookLevel[];
  /** The same levels in the order in which they changed. */
  readonly inOrder: readonly { readonly buys: boolean; readonly level: BookLevel }[];
  /** The book after them. */
  view(depth: number): BookView;
  /** The checksum has to be a wrong one. */
  readonly wrongChecksum: boolean;
}

/** One kind of book channel of an exchange. Texts come before `Conversation.book` and `Protocol.encode`. */
export interface BookChannel {
  /** As requests name it, without the code. */
  readonly name: string;
  /** Least milliseconds from one frame of a code to the next. */
  readonly everyMs: number;
  /** Levels a side; Infinity: all. */
  readonly depth: number;
  /** A frame that holds the whole window: a snapshot, and every frame where `changes` is absent. */
  whole(view: BookView): string[];
  changes?(change: BookChange): string[];
  /** Its changes carry a checksum. */
  readonly checksummed?: true;
  /** A snapshot comes once more in the middle of a stream; absent where the exchange does not do that. */
  readonly snapshotsAgain?: true;
  /** Levels that fall out of the window get no removal. */
  readonly silentFallOut?: true;
  /** A frame without any level is sent, too. */
  readonly tellsNothing?: true;
  /** Share of frames after which an unchanged book is sent again. */
  readonly repeats?: number;
  /** What is sent where nothing changed for so long. */
  readonly idle?: { readonly ms: number; text(view: BookView): string[] };
  /** A checksum of its own frame, so often while the book changes. */
  readonly checksum?: { readonly everyMs: number; text(view: BookView, wrong: boolean): string };
  /** The number a row of this frame has; null where the exchange numbers none. */
  sequence(numbers: Numbers): number | null;
  /** A size as the wire has it, where it is shorter than the market's. */
  shown?(size: number): number;
}

/** Book channels of an exchange and what becomes of their numbers in a restart of its service. */
export interface Books {
  /** The channel of that name; undefined where there is none. The name may hold a depth. */
  channel(name: string): BookChannel | undefined;
  /** `reset`: the next change begins anew with small numbers; `snapshot`: a snapshot with its number 1; `end`: sockets end. */
  readonly restart: 'reset' | 'snapshot' | 'end';
  /** The whole book over REST or on request; undefined where the path is another one. */
  rest?(path: string, query: URLSearchParams): BookRequest | undefined;
}

/** A whole book asked for over REST. */
export interface BookRequest {
  readonly symbol: string;
  /** The channel whose numbers it has. */
  readonly channel: string;
  readonly depth: number;
  /** The body of the answer. */
  answer(view: BookView): unknown;
  /** Where the code does not exist. */
  readonly unknown: { readonly status: number; readonly body: unknown };
}
