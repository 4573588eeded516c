import type { Log } from "../../base/log.ts";
import type { ProjectStorage } from "../../config/environment.ts";
import type { Config } from "../../config/load.ts";
import { assertProjectAllowed, quietAuth, wakeProject } from "../../supabase/project.ts";
import type { IncidentGate } from "../../vault/incident/state.ts";
import type { Vault } from "../../vault/s3/client.ts";
import { refuseMixed } from "../restore-files/one-project.ts";
import { inventoryOf, refuseKept } from "../test-restore/run-restore-test.ts";
import { resetWithFiles } from "../test-restore/staging/empty-files.ts";
import { refuseUsed } from "../test-restore/staging/in-use.ts";
import { readMarker, setState } from "../test-restore/staging/marker.ts";
import { admitMarker, placeOfStaging, reachStaging } from "../test-restore/staging/staging.ts";

/** Where a drill is played. */
export interface DrillPlace {
  /** For people and the proof: the target's name, or `new project`. */
  readonly name: string;
  /** Null: no project has been made yet. */
  readonly ref: string | null;
  /** Makes it ready; the first thing that writes. @param set that comes into it */
  prepare(set: string): Promise<void>;
  /** Notes what the drill has made of it, for a later run that would find it so. */
  settle(set: string): Promise<void>;
  /** Takes everything of the drill away. Can be done again. */
  clear(): Promise<void>;
}

interface StagingRequest {
  readonly config: Config<"opening" | "target">;
  /** Of the target's files; undefined where none is set. */
  readonly storage: ProjectStorage | undefined;
  readonly vault: Vault;
  readonly gate: IncidentGate;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
}

/**
 * Staging, by the gates of the restore test: its marker, its ref, and that nobody has used it since. It is held for this drill alone until
 * `closing` ends.
 * @throws ConfigurationError what those gates refuse: nothing was touched
 */
export async function inStaging(request: StagingRequest, closing: AsyncDisposableStack): Promise<DrillPlace> {
  const { config, storage, vault, gate, log, signal, dryRun } = request;
  if (storage !== undefined) refuseMixed(config.target, storage);
  const place = placeOfStaging(config, { log, signal });
  if (place.api !== undefined) {
    await assertProjectAllowed(place.api, place.ref, config.policy.regions);
    if (!dryRun) await wakeProject(place.api, place.ref, { log, signal });
  }
  const { client, identity } = closing.use(await reachStaging(place, config, { log, signal }));
  const marker = admitMarker(await readMarker(client), place.ref, identity);
  refuseKept(marker, new Date());
  await refuseUsed(client, marker, inventoryOf(vault, config));
  const empty = () => resetWithFiles(client, config, { log, gate, signal });
  return {
    ...{ name: config.target.name, ref: place.ref },
    async prepare(set) {
      if (place.api === undefined)
        log.warn("Not verified: that staging sends no mail. Set SUPABASE_ACCESS_TOKEN, and it is switched off.");
      else await quietAuth(place.api, place.ref);
      await setState(client, "testing", { set });
      await empty();
    },
    settle: (set) => setState(client, "kept", { set, keepUntil: new Date() }),
    async clear() {
      await empty();
      await setState(client, "empty");
    },
  };
}
