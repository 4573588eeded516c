import { ConfigurationError } from "../../base/errors.ts";
import type { FinishedEntry, LedgerEntry, ReceivedEntry } from "../../vault/erasures/entries.ts";
import { appendEntry, type Unplaced } from "../../vault/erasures/ledger.ts";
import { openWork } from "../../vault/erasures/requests.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import type { Context } from "../context.ts";
import { lockAll, type OpenLedger, openLedger } from "./record.ts";

const day = 86_400_000;

export interface Registered {
  readonly outcome: "received" | "refused";
  /** Of the request. */
  readonly request: string;
  /** The last day of its term; null: it has none any more. */
  readonly due: string | null;
}

/**
 * Notes that a request has come, and nothing of whose it is: from that day its term runs, and the monitor watches it.
 * @param received the day, e.g. `2026-11-30`
 */
export async function receiveRequest(context: Context, received: string): Promise<Registered> {
  const open = await openLedger(context);
  const now = await open.vault.serverTime();
  if (Date.parse(received) > now.getTime())
    throw new ConfigurationError("usage", `${received} has not come yet.`, "Give the day on which the request came.");
  const { termDays } = context.config().policy.erasure;
  const due = new Date(Date.parse(received) + termDays * day).toISOString().slice(0, 10);
  const id = newSetId(now);
  await append(open, { event: "receive", id, receivedAt: received, due });
  return { outcome: "received", request: id, due };
}

/** Ends a request that was answered in another way. @throws ConfigurationError `request-unknown` */
export async function refuseRequest(context: Context, request: string): Promise<Registered> {
  const open = await openLedger(context);
  if (!openWork(open.ledger.entries).requests.some(({ id }) => id === request)) throw unknownRequest(request);
  await finish(open, request, "refused");
  return { outcome: "refused", request, due: null };
}

/** @throws ConfigurationError `request-unknown` */
export function assertRequest({ ledger }: OpenLedger, request: string | null): void {
  if (request === null || ledger.entries.some(({ event, id }) => event === "receive" && id === request)) return;
  throw unknownRequest(request);
}

/** Notes the end of an erasure, or of a request; once. */
export async function finish(open: OpenLedger, of: string, outcome: "done" | "refused"): Promise<void> {
  await append(open, { event: "finish", id: newSetId(new Date()), of, outcome, files: null }, (entry) =>
    entry.event === "finish" ? entry.of === of : false,
  );
}

type Noted = Omit<Unplaced<ReceivedEntry>, "at" | "by"> | Omit<Unplaced<FinishedEntry>, "at" | "by">;

async function append(
  open: OpenLedger,
  note: Noted,
  there: (entry: LedgerEntry) => boolean = () => false,
): Promise<void> {
  const { vault, verify, sign, context } = open;
  const at = (await vault.serverTime()).toISOString();
  const { key } = await appendEntry(vault, verify, sign, async (ledger) =>
    ledger.entries.some(there) ? undefined : { ...note, at, by: context.who },
  );
  if (key !== undefined) await lockAll(open, [key]);
}

function unknownRequest(request: string): ConfigurationError {
  return new ConfigurationError(
    "request-unknown",
    `No request ${request} is open.`,
    "`lifeboat monitor` and the ledger name those that are.",
  );
}
