import type { Check, Look } from "./check.ts";

type Room = (look: Look) => readonly Check[];

/** Where checks come from; their order is the table's. */
const rooms: readonly (readonly [name: string, checks: Room])[] = [];

/**
 * Every check of this configuration. Making one asks nothing and needs nothing to be set: what it needs it asks for when it looks, so
 * that the names are known everywhere. A room that fails is a check that fails.
 */
export function allChecks(look: Look): Check[] {
  return rooms.flatMap(([name, checks]) => {
    try {
      return checks(look);
    } catch (error) {
      return [
        {
          ...{
            id: `${name}-checks`,
            group: "backups",
            title: `The checks of ${name}`,
            runbook: "runbooks/report-missing.md",
          },
          look: () => Promise.reject(error),
        } satisfies Check,
      ];
    }
  });
}
