import { meddlingFailure } from "../../report/run/outcome.ts";
import type { Told } from "../operation.ts";
import { upkeepPage } from "./page.ts";
import type { VaultsUpkeep } from "./upkeep-vaults.ts";

/** What was done for the vaults. What no snapshot names is counted in JSON: it may be a million objects. */
export function reportUpkeep(upkeep: VaultsUpkeep, rehearsal: boolean): Told {
  const { database, files } = upkeep;
  const { retention, locks = null, deleted = 0, keptBack = 0 } = files ?? {};
  const { unnamed = [], ...rest } = retention ?? {};
  const alarms = [...(database?.alarms ?? []), ...(files?.alarms ?? [])];
  const ofFiles = retention === undefined ? null : { ...rest, unnamedObjects: unnamed.length };
  const failure = meddlingFailure(alarms);
  return {
    result: { retention: ofFiles, locks, deleted, keptBack, alarms, database },
    page: upkeepPage(upkeep, rehearsal),
    ...(failure !== undefined && { failure }),
  };
}
