import { setTimeout as sleep } from "node:timers/promises";
import { newSetId } from "../../vault/format/manifest.ts";

/** Clocks of two runners may differ by so much; longer nobody waits. */
const longestWaitMillis = 5_000;

/**
 * A name that sorts after that of the newest snapshot. Names go by the second, and a sync without changes takes less: of two in
 * the same second nobody could tell which is the newer one.
 */
export async function nameRun(newest: string | undefined): Promise<string> {
  const second = (set: string): string => set.split("-", 1)[0] ?? "";
  for (const begun = Date.now(); ; await sleep(50)) {
    const set = newSetId(new Date());
    if (newest === undefined || second(set) > second(newest) || Date.now() - begun > longestWaitMillis) return set;
  }
}
