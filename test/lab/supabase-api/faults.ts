import { Faults } from "../faults.ts";
import type { ApiRequest } from "./request.ts";

/** What can be made to go wrong with one request. */
export type FaultKind =
  /** Another answer, nothing done. */
  | { readonly status: number; readonly json?: unknown; readonly headers?: Readonly<Record<string, string>> }
  /** Cloudflare's page instead of an answer, nothing done. */
  | "page"
  /** Done, and the connection is cut before the answer. */
  | "lost"
  /** The connection is cut before anything is done. */
  | "reset"
  /** Done, and only half of the answer arrives. */
  | "cut"
  /** Answered as if it had been done. */
  | "no-effect"
  /** An answer without end, or one that is only depth. */
  | "huge"
  | "deep";

export interface Fault {
  readonly kind: FaultKind;
  /** Which requests, by `METHOD path?query`; default: all. */
  readonly on?: RegExp;
  /** How many requests it meets; default: without end. */
  readonly times?: number;
  /** From which time on, and until when; milliseconds since 1970. */
  readonly from?: number;
  readonly until?: number;
}

/** The faults that a world has been told to have. */
export class ApiFaults extends Faults<Fault> {
  /** The next requests are answered with these statuses, one after another; each says that it may be asked again at once. */
  next(...statuses: number[]): void {
    for (const status of statuses)
      this.inject({ kind: { status, json: { message: "trouble" }, headers: { "retry-after": "0" } }, times: 1 });
  }

  /** The fault that this request meets now, counted. */
  meetRequest({ method, url }: ApiRequest, now: number): FaultKind | undefined {
    return this.meet(
      ({ on, from = 0, until = Number.POSITIVE_INFINITY }) =>
        (on?.test(`${method} ${url}`) ?? true) && now >= from && now < until,
    );
  }
}
