import { ConfigurationError } from "../../../base/errors.ts";
import type { ConnectionSettings } from "../../../config/connection-url.ts";
import { refOfAddress } from "../../../config/connection-url.ts";
import { sameAddress } from "../../target/whose.ts";
import type { DatabaseIdentity } from "./identity.ts";
import type { Marker } from "./marker.ts";

/** Everything by which staging and production are told apart before anything is asked of a database. */
export interface RefFacts {
  /** `restoreTest.projectRef` of the policy. */
  readonly policyRef: string | null;
  readonly targetName: string;
  /** `<prefix>_PROJECT_REF`. */
  readonly targetRef: string | null;
  readonly target: ConnectionSettings;
  /** SUPABASE_PROJECT_REF. */
  readonly productionRef: string | null;
  /** DATABASE_URL, where it is set. */
  readonly production: ConnectionSettings | undefined;
}

const untouched = "Nothing has been touched.";

/**
 * The gate that needs no database. Pure.
 * @returns staging's ref
 * @throws ConfigurationError `staging-unset`, `staging-ref-differs`, `staging-is-production`
 */
export function admitRefs(facts: RefFacts): string {
  const { targetName, targetRef, target, productionRef, production } = facts;
  const policyRef = facts.policyRef?.trim().toLowerCase();
  if (policyRef === undefined) {
    throw new ConfigurationError(
      "staging-unset",
      "The policy names no staging project.",
      "Set restoreTest.projectRef in lifeboat.config.ts to the ref of a project that may be emptied, then mark it: `lifeboat test-restore --mark-staging <ref>`.",
    );
  }
  const addressed = refOfAddress(target.host, target.user);
  for (const [where, ref] of [
    [`the environment of target ${targetName}`, targetRef],
    ["its connection string", addressed],
  ] as const) {
    if (ref === null || ref === undefined || ref === policyRef) continue;
    throw new ConfigurationError(
      "staging-ref-differs",
      `The policy's staging project is ${policyRef}, but ${where} names ${ref}. ${untouched}`,
      "Correct whichever is wrong: a restore test empties the project that it is pointed at.",
    );
  }
  const refs = [productionRef, production && refOfAddress(production.host, production.user)];
  if (refs.includes(policyRef)) throw isProduction(`its ref ${policyRef} is production's`);
  if (production !== undefined && sameAddress(production, target)) throw isProduction("DATABASE_URL leads to it");
  return policyRef;
}

/**
 * Whether a reached database is another than production's, whatever the addresses say. Pure.
 * @param same what asking both has shown; undefined when it showed nothing
 * @throws ConfigurationError `staging-is-production`
 */
export function admitOther(same: boolean | undefined): void {
  if (same === true) throw isProduction("it is the very database that DATABASE_URL leads to");
  if (same === false) return;
  throw new ConfigurationError(
    "staging-unknown",
    `Whether the database is production's cannot be told: a pooler hands DATABASE_URL's session on between statements. ${untouched}`,
    "Use the session pooler or the direct host in DATABASE_URL, or leave it out of the environment of the restore test.",
  );
}

/**
 * Whether the database says of itself that it is staging, and still is the one that said so. Pure.
 * @throws ConfigurationError `staging-unmarked`, `staging-marker-differs`
 */
export function admitMarker(marker: Marker | undefined, ref: string, identity: DatabaseIdentity): Marker {
  if (marker === undefined) {
    throw new ConfigurationError(
      "staging-unmarked",
      `The database does not bear the marker of staging. ${untouched}`,
      `When it is an empty project that may be emptied every month, mark it: \`lifeboat test-restore --mark-staging ${ref}\`.`,
    );
  }
  const differs = (how: string) =>
    new ConfigurationError(
      "staging-marker-differs",
      `The database bears a marker of staging that ${how}. ${untouched}`,
      "It may be a copy of staging that serves something else by now. If it is staging, empty it and mark it again.",
    );
  if (marker.projectRef !== ref) throw differs(`was set for project ${marker.projectRef}, not for ${ref}`);
  if (
    marker.identity.systemIdentifier !== identity.systemIdentifier ||
    marker.identity.database !== identity.database
  ) {
    throw differs("was set in another database");
  }
  return marker;
}

function isProduction(why: string): ConfigurationError {
  return new ConfigurationError(
    "staging-is-production",
    `The staging project is production: ${why}. ${untouched}`,
    "Point the target's environment and restoreTest.projectRef at a project of its own: a restore test empties it.",
  );
}
