import { channelsCheck } from "../../../policy/monitor/channels.ts";
import type { VaultStanding } from "../../../vault/standing.ts";
import { accountChecks } from "../account/account-check.ts";
import { backupChecks } from "../backups/backup-checks.ts";
import { vaultReader } from "../backups/read-vault.ts";
import type { Check, Look } from "../check.ts";
import { githubChecks } from "../github/github-checks.ts";
import { outsideChecks } from "../outside/outside-checks.ts";
import { supabaseChecks } from "../supabase/checks.ts";

type Room = (look: Look) => readonly Check[];

/** Where checks come from; their order is the table's. */
const rooms: readonly (readonly [name: string, checks: Room])[] = [
  ["supabase", supabaseChecks],
  ["backups", backupChecks],
  ["account", accountChecks],
  ["github", githubChecks],
  ["outside", outsideChecks],
];

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
            id: `all-of-${name}`,
            group: "backups",
            title: `The checks of ${name}`,
            runbook: "runbooks/monitor-silent.md",
          },
          look: () => Promise.reject(error),
        } satisfies Check,
      ];
    }
  });
}

/** What the vault has, read once a run for the checks and for the dashboard. @throws as `VaultReader` */
export function vaultStanding(look: Look): Promise<VaultStanding> {
  return vaultReader(look).standing();
}

/** The names of all checks, with the one that the table itself adds. */
export function checkNames(look: Look): string[] {
  return [...allChecks(look).map(({ id }) => id), channelsCheck];
}
