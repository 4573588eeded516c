import { LifeboatError } from "../../base/errors.ts";
import { manifestVerifier, noteSigner, provenBy, recordVerifier, releaseVerifier } from "../../vault/configured.ts";
import { newSetId } from "../../vault/format/manifest.ts";
import { readIncident } from "../../vault/incident/state.ts";
import { beginIncident } from "../../vault/incident/write.ts";
import type { VerifyRelease } from "../../vault/published/signed-manifest.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { provenSets } from "../../vault/sets/proof-store.ts";
import { firstOf, trustedSets, trustedSnapshots } from "../../vault/standing.ts";
import type { Context } from "../context.ts";
import { runHold } from "../hold/run-hold.ts";
import { openDataApi, type SwitchedOff, switchOff } from "./data-api.ts";
import { type Evidence, takeEvidence } from "./evidence.ts";
import { idsOn, openEach, trustedSigner } from "./vaults.ts";

export interface BeginRequest {
  readonly reason: string;
  readonly apiOff: boolean;
  readonly dryRun: boolean;
}

/** A step that may fail without ending the incident: what it came to, or why it did not. */
export type Step<Done> = { readonly done: Done } | { readonly failed: string };

export interface Held {
  readonly set: string;
  readonly what: string;
  /** Object versions that bear the store's hold; the register has the set in any case, unless the step failed. */
  readonly versions: number;
  readonly incomplete: number;
  /** Of one that could not be held; null: all are. */
  readonly why: string | null;
}

export interface Begun {
  readonly outcome: "begun" | "would-begin";
  readonly incident: string;
  /** Incidents that were on already. */
  readonly others: readonly string[];
  /** Buckets in which it is on, and those in which it could not be written. */
  readonly buckets: readonly string[];
  readonly notOn: readonly { readonly bucket: string; readonly why: string }[];
  readonly signed: boolean;
  /** Null: not asked for. */
  readonly dataApi: Step<SwitchedOff> | null;
  readonly held: readonly Step<Held>[];
  readonly evidence: Step<Evidence>;
  /** Since the command began: when the state was written, when the Data API was off, when all of this was done. */
  readonly seconds: { readonly state: number; readonly dataApi: number | null; readonly all: number };
}

/**
 * Begins an incident. The state comes first, in every bucket, and needs nothing but the vault: from then on nothing is
 * forgotten. What follows may fail, which is told, and ends nothing: the Data API goes off, the newest verified and the newest
 * proven sets are held, evidence is kept.
 *
 * @throws ConfigurationError `api-token-missing`, `project-ref-missing`, `signing-key-missing`: nothing was written
 * @throws LifeboatError when the state could be written to no bucket
 */
export async function beginRun(context: Context, { reason, apiOff, dryRun }: BeginRequest): Promise<Begun> {
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 100) / 10;
  const { log, signal } = context;
  const config = context.config();
  const access = apiOff ? openDataApi(config, signal) : undefined;
  const ends = await releaseVerifier(config);
  // How the Data API was set is written to the project at the end: only what is signed counts then.
  const records = await recordVerifier(config);
  const noting = apiOff
    ? await trustedSigner(
        await noteSigner(context.env),
        records,
        "Set BACKUP_SIGNING_KEY, or RESTORE_PRIVATE_KEY of the operations or escrow key, each with its passphrase.",
      )
    : undefined;
  const at = new Date();
  const id = newSetId(at);
  const sign = await noteSigner(context.env);
  const { vaults, unreached } = await openEach(context);
  const plan = { incident: id, signed: sign !== undefined };
  if (dryRun) {
    const [nothing, evidence] = [{ notOn: [], dataApi: null, held: [] }, { failed: "a dry run keeps none" }];
    const others = await othersThan(id, vaults, ends);
    const would = { outcome: "would-begin" as const, others, buckets: vaults.map(({ bucket }) => bucket) };
    return { ...plan, ...nothing, ...would, evidence, seconds: { state: 0, dataApi: null, all: seconds() } };
  }
  const by = context.holder ?? `by hand, ${context.run.runId}`;
  const written = await Promise.allSettled(vaults.map((vault) => beginIncident(vault, { id, reason, by, at }, sign)));
  const failed = written.flatMap((one, place) =>
    one.status === "fulfilled" ? [] : [{ bucket: vaults[place]?.bucket ?? "", error: one.reason }],
  );
  const notOn = [...unreached, ...failed];
  const on = vaults.filter(({ bucket }) => !notOn.some((one) => one.bucket === bucket));
  if (on.length === 0) throw notOn[0]?.error;
  const state = seconds();
  log.warn(`Incident ${id} is on since ${state} s after the start: nothing is forgotten any more.`);
  // Only now: there may be many.
  const others = await othersThan(id, on, ends);
  // Side by side: an API or a database that does not answer keeps nothing else waiting.
  const [{ dataApi, apiSeconds }, held, evidence] = await Promise.all([
    (async () => {
      if (access === undefined || noting === undefined) return { dataApi: null, apiSeconds: null };
      const incident = { id, at, on: others };
      const done = await step(signal, () => switchOff(access, incident, { vaults: on, verify: records, sign: noting }));
      return { dataApi: done, apiSeconds: seconds() };
    })(),
    holdNewest(context, id),
    step(signal, () => takeEvidence(context, id, on[0], at)),
  ]);
  return {
    ...{ ...plan, outcome: "begun", others, buckets: on.map(({ bucket }) => bucket), dataApi, held, evidence },
    notOn: notOn.map(({ bucket, error }) => ({ bucket, why: whyOf(error) })),
    seconds: { state, dataApi: apiSeconds, all: seconds() },
  };
}

/** Ids of the other incidents that are on. */
async function othersThan(id: string, vaults: readonly Vault[], ends: VerifyRelease): Promise<string[]> {
  const states = await Promise.all(vaults.map(async (vault) => ({ vault, state: await readIncident(vault, ends) })));
  return idsOn(states).filter((other) => other !== id);
}

/** The newest verified and the newest proven set, and the newest snapshot of the files: what is known to be good. */
async function holdNewest(context: Context, id: string): Promise<Step<Held>[]> {
  const { signal } = context;
  const found = await step(signal, () => newestGood(context));
  if ("failed" in found) return [found];
  const held: Step<Held>[] = [];
  for (const { set, what, files } of found.done) {
    const request = {
      set,
      files,
      until: null,
      dryRun: false,
      reason: `incident ${id}: it was the ${what} when it began`,
    };
    held.push(
      await step(signal, async () => {
        const { parts } = await runHold(context, request);
        const sum = (count: (part: (typeof parts)[number]) => number) =>
          parts.reduce((all, part) => all + count(part), 0);
        return {
          set,
          what,
          versions: sum((part) => part.held),
          incomplete: sum((part) => part.failed.length + part.untried),
          why: parts.flatMap(({ failed }) => failed.map(({ key, why }) => `${key}: ${why}`))[0] ?? null,
        };
      }),
    );
  }
  return held;
}

interface Good {
  readonly set: string;
  readonly what: string;
  readonly files: boolean;
}

async function newestGood(context: Context): Promise<Good[]> {
  const config = context.config();
  const verify = await manifestVerifier(config);
  const good: Good[] = [];
  const add = (set: string | undefined, what: string, files: boolean): void => {
    if (set !== undefined && !good.some((one) => one.set === set)) good.push({ set, what, files });
  };
  let withSet: string | undefined;
  if (context.has("vault")) {
    const vault = await context.vault();
    let newest: string | undefined;
    for await (const { set, readBack, files } of trustedSets(vault, verify)) {
      newest ??= set;
      if (readBack !== true) continue;
      add(set, "newest verified set", false);
      withSet = files?.set;
      break;
    }
    const proven = (await provenSets(vault, await provenBy(config))).find(({ marked }) => !marked);
    add(proven?.set, "newest proven set", false);
    // Better than nothing, where the policy has nothing verified and no test has been done yet.
    if (good.length === 0) add(newest, "newest signed set, for none is verified or proven", false);
  }
  if (context.has("storageVault")) {
    const newest = await firstOf(trustedSnapshots(await context.files(), verify));
    if (newest?.set !== withSet) add(newest?.set, "newest snapshot of the files", true);
  }
  return good;
}

/** Only an interruption ends the rest: whatever else goes wrong is told. */
async function step<Done>(signal: AbortSignal, work: () => Promise<Done>): Promise<Step<Done>> {
  try {
    return { done: await work() };
  } catch (error) {
    signal.throwIfAborted();
    return { failed: whyOf(error) };
  }
}

/** Only our own errors are quoted: any other may carry a row. */
export function whyOf(error: unknown): string {
  if (error instanceof LifeboatError) return error.message;
  return `Lifeboat itself failed (${error instanceof Error ? error.name : "not an error"})`;
}
