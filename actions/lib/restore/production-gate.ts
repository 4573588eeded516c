import { refsOfDatabase, type Target } from "../config/targets.ts";
import { ConfigurationError } from "../runtime/errors.ts";

/**
 * Refuses the project that the backups come from as a target, unless its ref was typed: even an empty production database is
 * one that users are connected to.
 *
 * @param production refs of the set's project and of the configured one, as far as they are known
 * @param typed what `--production` was given
 * @throws ConfigurationError `target-is-production`, `production-not-meant`
 */
export function refuseProduction(
  target: Target,
  production: readonly (string | null)[],
  typed: string | undefined,
): void {
  const found = refsOfDatabase(target).find((ref) => production.includes(ref));
  insistOnTypedRef(target.name, "the project that the backups come from", found, typed);
}

/**
 * The one gate to production: its ref must be typed, and may be typed for nothing else.
 *
 * @param what production is to this command, for messages
 * @param found production's ref, when the target is production; otherwise undefined
 * @param typed what `--production` was given
 * @throws ConfigurationError `target-is-production`, `production-not-meant`
 */
export function insistOnTypedRef(
  targetName: string,
  what: string,
  found: string | undefined,
  typed: string | undefined,
): void {
  if (found === typed) return;
  if (found !== undefined) {
    throw new ConfigurationError(
      "target-is-production",
      `Target ${targetName} is ${what} (${found}).`,
      `Restore into another project; or, if production is meant, type its ref: --production ${found}.`,
    );
  }
  throw new ConfigurationError(
    "production-not-meant",
    `--production ${typed} was given, but target ${targetName} is not ${what}.`,
    "Leave --production out, or choose the target that is meant.",
  );
}
