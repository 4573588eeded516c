import type { IncomingMessage } from "node:http";

/** Which requests a fault is for. What is left out matches everything. */
export interface Matching {
  readonly method?: string;
  /** Tried on path and query, e.g. `/partNumber=3&/`. Keys are percent-encoded there. */
  readonly url?: Pick<RegExp, "test">;
  /** The first matching request that is hit, counted from 1; default 1. */
  readonly nth?: number;
  /** How many from there on; default 1; `Infinity` for all. */
  readonly times?: number;
}

/** What happens to a request that is hit. */
export type Fault =
  | { readonly kind: "answer"; readonly status: number; readonly code: string }
  /** The connection is reset: before anything is passed on, in the middle of the request, or of the answer. */
  | { readonly kind: "cut"; readonly when: "at-once" | "in-request" | "in-answer"; readonly afterBytes: number }
  /** The request is carried out, its answer is lost; what is to happen then comes first. */
  | { readonly kind: "lose-answer"; readonly then: () => void }
  | { readonly kind: "slow"; readonly direction: "request" | "answer"; readonly bytesPerSecond: number }
  /** One byte of the body is changed; counted from 0, the last one when the body is shorter. */
  | { readonly kind: "flip-byte"; readonly direction: "request" | "answer"; readonly at: number }
  | { readonly kind: "replace-answer-header"; readonly name: string; readonly value: string }
  /** The answer's body ends early, and its length says so too: a truncated object. */
  | { readonly kind: "truncate-answer"; readonly bytes: number }
  /** Nothing is passed on until `release`. */
  | { readonly kind: "hold"; readonly until: Promise<void> };

/** A fault that has been laid. */
export interface Trap {
  /** Requests hit so far. */
  readonly hits: number;
  /** Resolves with the first hit. */
  readonly hit: Promise<void>;
  /** Ends a `hold`. */
  release(): void;
  /** From now on nothing more is hit. */
  remove(): void;
}

export interface LaidTrap extends Trap {
  readonly fault: Fault;
  /** True when this request is one of those to hit; counts it. */
  take(request: IncomingMessage): boolean;
}

export function layTrap(matching: Matching, fault: Fault, release: () => void): LaidTrap {
  const { method, url, nth = 1, times = 1 } = matching;
  const { promise: hit, resolve: onHit } = Promise.withResolvers<void>();
  let seen = 0;
  let hits = 0;
  let removed = false;
  return {
    fault,
    hit,
    get hits() {
      return hits;
    },
    release,
    remove() {
      removed = true;
      release();
    },
    take(request) {
      if (removed || (method !== undefined && request.method !== method)) return false;
      if (url !== undefined && !url.test(request.url ?? "")) return false;
      seen++;
      if (seen < nth || seen >= nth + times) return false;
      hits++;
      onHit();
      return true;
    },
  };
}
