import { ConfigurationError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { few } from "../../../base/measures.ts";
import type { IncidentGate } from "../../../vault/incident/state.ts";
import { occupants } from "../../restore/gate/occupants.ts";
import { inspectTarget } from "../../target/target.ts";
import { resetWithFiles } from "./empty-files.ts";
import { refuseUsed } from "./in-use.ts";
import { readMarker, setState, writeMarker } from "./marker.ts";
import { filledTables } from "./reset.ts";
import { admitMarker, placeOfStaging, reachStaging, type StagingConfig } from "./staging.ts";

export interface StagingRequest {
  readonly config: StagingConfig;
  readonly dryRun?: boolean;
  /** Asked before staging is emptied. */
  readonly gate?: IncidentGate;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

export interface MarkResult {
  readonly projectRef: string;
  readonly outcome: "marked" | "dry-run";
}

/**
 * Makes an empty project staging: from now on restore tests may drop whatever is in it. What it is now is noted, as what
 * a reset leads back to.
 *
 * @param typedRef the project's ref, typed by a person
 * @throws ConfigurationError `usage` when it is not the policy's, `staging-not-empty`; the gates' of `placeOfStaging`
 */
export async function markStaging(typedRef: string, request: StagingRequest): Promise<MarkResult> {
  const { config, dryRun = false } = request;
  const place = placeOfStaging(config, request);
  if (typedRef !== place.ref) {
    throw new ConfigurationError(
      "usage",
      `'${typedRef}' was typed, but the policy's staging project is ${place.ref}. Nothing has been touched.`,
      "Type the ref of the project that may be emptied every month.",
    );
  }
  await using staging = await reachStaging(place, config, request);
  const { client } = staging;
  const facts = await inspectTarget(client, 0);
  const found = await occupants(client, facts, {});
  if (found.length > 0) {
    const marked = (await readMarker(client)) !== undefined;
    throw new ConfigurationError(
      "staging-not-empty",
      `The project is not empty: ${few(found, 12)}. Nothing has been touched.`,
      marked
        ? "It is marked already; to empty it, run `lifeboat test-restore --wipe`."
        : "Only an empty project can become staging: everything in it will be dropped every month. Make a new one.",
    );
  }
  if (dryRun) return { projectRef: place.ref, outcome: "dry-run" };
  const filled = await filledTables(client, facts.inventory);
  await writeMarker(client, place.ref, { inventory: facts.inventory, filled });
  return { projectRef: place.ref, outcome: "marked" };
}

export interface WipeResult {
  readonly projectRef: string;
  /** `empty-already`: nothing was there to be wiped. */
  readonly outcome: "wiped" | "empty-already" | "dry-run";
  /** The set whose copy it was; null when that is not known. */
  readonly set: string | null;
  readonly removed: number;
}

/** Empties staging, whatever a test has left there. Passes the same gates as a test. */
export async function wipeStaging(request: StagingRequest): Promise<WipeResult> {
  const { config, dryRun = false } = request;
  const place = placeOfStaging(config, request);
  await using staging = await reachStaging(place, config, request);
  const { client, identity } = staging;
  const marker = admitMarker(await readMarker(client), place.ref, identity);
  const base = { projectRef: place.ref, set: marker.set, removed: 0 };
  await refuseUsed(client, marker);
  if (dryRun) return { ...base, outcome: "dry-run" };
  if (marker.state === "empty") return { ...base, outcome: "empty-already" };
  const { removed } = await resetWithFiles(client, config, request);
  await setState(client, "empty");
  return { ...base, outcome: "wiped", removed };
}
