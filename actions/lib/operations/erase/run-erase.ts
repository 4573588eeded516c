import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { deriveIndexKey } from "../../seal/keys/session-key.ts";
import { type ErasedEntry, isErased, type LedgerRule, placeOf } from "../../vault/erasures/entries.ts";
import { hashOfValue } from "../../vault/erasures/hash-key.ts";
import type { Context } from "../context.ts";
import { targetConnector } from "../target/sessions.ts";
import { admitTarget, refuseUntold } from "../target/whose.ts";
import { answerTo } from "./answer.ts";
import { candidatesOf } from "./candidates.ts";
import { beginErasing, eraseLive } from "./live.ts";
import { changes, type ErasurePlan, makePlan } from "./plan.ts";
import { type OpenLedger, openLedger, recordErasure } from "./record.ts";
import { refreshViewsOf } from "./refresh-views.ts";
import { assertRequest, finish } from "./register.ts";
import { checkPolicy, findSubject, type Subject } from "./subject.ts";

export interface EraseRequest {
  readonly subject: string;
  readonly by: string;
  readonly gone: boolean;
  readonly consent: string | null;
  readonly request: string | null;
  readonly live: boolean;
  readonly most: number | undefined;
  readonly planHash: string | undefined;
  readonly production: string | undefined;
  readonly dryRun: boolean;
}

export interface EraseResult {
  readonly outcome: "planned" | "erased";
  readonly plan: Pick<ErasurePlan, "hash" | "rows" | "kept"> & {
    readonly tables: readonly {
      readonly table: string;
      readonly action: string;
      readonly rows: number;
      readonly most: number;
    }[];
  };
  readonly consent: string | null;
  /** Id of the erasure in the ledger, and how many entries that has. */
  readonly erasure: string | null;
  readonly number: number | null;
  /** Rows that this run took out of the database in use; null: it was not asked to. */
  readonly live: number | null;
  /** Materialised views that hold copies still, because they could not be computed anew. */
  readonly stale: readonly string[];
  /** What the person may be told, sentences. */
  readonly answer: readonly string[];
}

/**
 * Plans an erasure, or does what was planned: first the entry in the ledger, then the database in use.
 * @throws ConfigurationError of the plan and the gates: nothing was changed
 */
export async function runErase(context: Context, request: EraseRequest): Promise<EraseResult> {
  const config = context.config("target", "opening");
  const { policy } = config;
  const { log, signal } = context;
  const open = await openLedger(context);
  assertRequest(open, request.request);
  const secret = deriveIndexKey(await context.openingKey(), "plans of erasures").data;
  if (request.live) await admitLive(context, request.production);
  const client = await targetConnector(config, "erase", { log, signal })();
  try {
    const { plan, subject } = await planned(client, context, open, secret, request);
    const told = { plan: toldOf(plan), consent: request.consent };
    if (request.planHash === undefined || request.dryRun)
      return { outcome: "planned", ...told, erasure: null, number: null, live: null, stale: [], answer: [] };
    const entry = await recorded(open, plan, subject, request, policy.erasure);
    log.info(`Erasure ${entry.id} is entry ${entry.number} of the ledger: no road brings its rows back`);
    const key = (await openLedger(context)).key;
    const record = { outcome: "erased", ...told, erasure: entry.id, number: entry.number } as const;
    const live = request.live ? await eraseLive(client, entry, key, policy.source.lockWaitSeconds) : null;
    const tables = entry.rules.map(({ table }) => table);
    const stale = request.live ? await refreshViewsOf(client, tables) : [];
    // What only the ledger was to know is done with it; what the database still has to do is not.
    if (stale.length === 0 && (request.live || request.gone)) await finish(open, entry.id, "done");
    return { ...record, live, stale, answer: await answerTo(context, open.vault, entry, request.live || request.gone) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function admitLive(context: Context, typed: string | undefined): Promise<void> {
  const { log, signal } = context;
  const config = context.config("target");
  const { target, policy } = config;
  const asked = { what: "the project that the person is in", typed };
  const whose = await admitTarget({ ...{ config, fromSet: null, log, signal }, ...asked });
  refuseUntold(whose, { ...asked, target, prefix: policy.targets[target.name]?.env ?? "TARGET" });
}

async function planned(
  client: Client,
  context: Context,
  open: OpenLedger,
  secret: Uint8Array,
  { subject: value, by, gone, consent, most, planHash }: EraseRequest,
): Promise<{ plan: ErasurePlan; subject: Subject }> {
  const { erasure, source } = context.config().policy;
  await beginErasing(client, source.lockWaitSeconds);
  try {
    await checkPolicy(client, erasure);
    // A run that was killed after it had erased finds nobody any more.
    const subject = await findSubject(client, erasure, { value, by, gone: gone || planHash !== undefined });
    const plan = await makePlan(client, { policy: erasure, subject, consent, key: open.key, secret, most });
    return { plan, subject };
  } finally {
    await client.query("rollback").catch(() => undefined);
  }
}

/** The entry of this very plan: written now, or by an earlier run of it. @throws ConfigurationError `plan-other` */
async function recorded(
  open: OpenLedger,
  plan: ErasurePlan,
  subject: Subject,
  { planHash = "", consent, request }: EraseRequest,
  policy: Parameters<typeof candidatesOf>[0],
): Promise<ErasedEntry> {
  const id = subject.get("id") ?? "";
  const isTheirs = ({ rules }: ErasedEntry): boolean => rules.some((rule) => isHashOf(open, rule, id));
  const isPlans = (entry: ErasedEntry): boolean => entry.plan.startsWith(planHash) && isTheirs(entry);
  const before = open.ledger.entries.find((one): one is ErasedEntry => isErased(one) && isPlans(one));
  if (before !== undefined) return before;
  if (planHash.length < 16 || !plan.hash.startsWith(planHash))
    throw new ConfigurationError(
      "plan-other",
      "The erasure is another one now than the plan that was reviewed: rows came or went, or the policy was changed.",
      "Nothing was changed. Run it with --dry-run again, look at it, and give its hash.",
    );
  return recordErasure(
    open,
    (key) => ({
      ...{ event: consent === null ? ("erase" as const) : ("revoke" as const), consent, request, plan: plan.hash },
      rules: candidatesOf(policy, subject, key, consent).map((one, at) => ({
        ...one,
        ...{ rows: plan.rules[at]?.rows ?? 0, most: plan.rules[at]?.most ?? 0 },
      })),
      kept: plan.kept,
    }),
    isPlans,
  );
}

function isHashOf({ key }: OpenLedger, rule: LedgerRule, id: string): boolean {
  return rule.hash !== null && rule.hash === hashOfValue(key, placeOf(rule), id);
}

function toldOf({ hash, rows, kept, rules }: ErasurePlan): EraseResult["plan"] {
  const tables = rules.filter(changes).map((one) => ({
    ...{ table: one.table, rows: one.rows, most: one.most },
    action: one.action === "delete" ? "delete" : `set ${Object.keys(one.action).join(", ")}`,
  }));
  return { hash, rows, kept, tables };
}
