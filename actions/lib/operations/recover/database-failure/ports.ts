import { ConfigurationError, OperationError } from "../../../base/errors.ts";
import type { Clock } from "../../../base/flow/clock.ts";
import { connect } from "../../../postgres/connect/connect.ts";
import type { Inventory } from "../../../postgres/inventory/model.ts";
import { readBackups, readProjectStatus, requestPointInTime } from "../../../supabase/point-in-time.ts";
import { readPublicStatus, statusPageOf } from "../../../supabase/status-page.ts";
import { manifestVerifier, trustedSigners } from "../../../vault/configured.ts";
import type { Manifest } from "../../../vault/format/manifest.ts";
import { openSet } from "../../../vault/sets/open-set.ts";
import { firstFew, trustedSets } from "../../../vault/standing.ts";
import type { Context } from "../../context.ts";
import { beginRun } from "../../incident/begin.ts";
import { compareInside } from "./compare-inside.ts";
import { lookInside } from "./look-inside.ts";
import { makeVerifiedSet } from "./make-set.ts";
import type { InPlace } from "./place.ts";
import type { Ports } from "./work.ts";

/** Sets that are looked through for one from before the moment: a month of them. */
const mostSets = 100;

/**
 * What the phases ask, of the real world.
 * @param unix the moment, in seconds since 1970
 */
export function realPorts(context: Context, { ref, api }: InPlace, unix: number, clock: Clock): Ports {
  const config = context.config("source", "vault", "opening");
  const { env, log } = context;
  const { source, policy } = config;
  const page = statusPageOf(env);
  const newest = async (): Promise<Manifest | undefined> => {
    const all = await firstFew(trustedSets(await context.vault(), await manifestVerifier(config)), mostSets);
    // What is newer than the moment may have in it what is to be undone.
    return all.find(({ snapshotAt }) => Date.parse(snapshotAt) <= unix * 1000) ?? all[0];
  };
  // Opened once: the set does not change.
  let opened: Promise<{ set: string; snapshotAt: string; inventory: Inventory } | undefined> | undefined;
  const open = async () => {
    const manifest = await newest();
    if (manifest === undefined) return undefined;
    const keys = { trustedSigners: await trustedSigners(config), privateKey: await context.openingKey() };
    const set = await openSet(await context.vault(), { tier: manifest.tier, set: manifest.set }, keys);
    return { set: manifest.set, snapshotAt: manifest.snapshotAt, inventory: await set.inventory() };
  };
  return {
    ...{ clock, log },
    publicStatus: (signal) => readPublicStatus(page, signal),
    projectStatus: () => readProjectStatus(api, ref),
    backups: () => readBackups(api, ref),
    request: (unix) => requestPointInTime(api, ref, unix),
    look: (unix, signal) => lookInside(source, unix, { clock, signal }),
    async compare(signal) {
      opened ??= open();
      const set = await opened.catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      if (set === undefined) return undefined;
      const once = { attempts: 1, attemptSeconds: 15, baseMillis: 0, capMillis: 0 };
      const client = await connect(source, { applicationName: "lifeboat/recover", patience: once, signal });
      const hangUp = () => void client.end().catch(() => undefined);
      signal.addEventListener("abort", hangUp, { once: true });
      try {
        return await compareInside(client, set, policy.backup.smallestShareOfLastSet);
      } catch (error) {
        signal.throwIfAborted();
        throw brokenOff(error);
      } finally {
        signal.removeEventListener("abort", hangUp);
        await client.end().catch(() => undefined);
      }
    },
    async newestSet() {
      const manifest = await newest();
      if (manifest === undefined) return undefined;
      const seconds = (Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000;
      return { set: manifest.set, snapshotAt: manifest.snapshotAt, seconds };
    },
    async beginIncident() {
      const reason = `point-in-time recovery of project ${ref}`;
      return (await beginRun(context, { reason, apiOff: false, dryRun: false })).incident;
    },
    makeSet: (signal) => makeVerifiedSet(context, { unix, clock, signal }),
  };
}

/** A driver's error quotes what the server said, and that may quote rows. */
function brokenOff(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "no code";
  const ours = error instanceof OperationError || error instanceof ConfigurationError;
  return ours ? error : new OperationError("source-unreachable", `The comparison broke off (${code}).`);
}
