import type { KeyRole } from "../../seal/keys/keyring.ts";

/**
 * Which environment may hold what. A person's own settings are often stronger than what a job may have, and one name means different
 * things in different jobs: so a setting goes only where these tables say, or where it was given to one environment by name, e.g.
 * DRILL_SUPABASE_ACCESS_TOKEN.
 */

/** Whose private key an environment holds. Escrow's lies in none. */
export const keyOfEnvironment: Readonly<Record<string, Exclude<KeyRole, "escrow">>> = {
  backup: "signing",
  incident: "signing",
  restore: "operations",
  proving: "prover",
  drill: "prover",
};

/** How jobs call the private key and its passphrase. */
export function keyNames(role: KeyRole): { readonly key: string; readonly passphrase: string } {
  return role === "signing"
    ? { key: "BACKUP_SIGNING_KEY", passphrase: "BACKUP_SIGNING_PASSPHRASE" }
    : { key: "RESTORE_PRIVATE_KEY", passphrase: "RESTORE_PASSPHRASE" };
}

/** Environments that may hold a private key of that name. */
export function environmentsWithKey(name: string): readonly string[] {
  return Object.entries(keyOfEnvironment).flatMap(([environment, role]) =>
    keyNames(role).key === name ? [environment] : [],
  );
}

/** Who takes a setting as it stands, where that is not everybody who uses it. */
const takers: readonly (readonly [name: RegExp, environments: readonly string[]])[] = [
  // Each from the folder of the keys, or by the environment's name.
  [/^(BACKUP_SIGNING|RESTORE)_(PRIVATE_KEY|KEY|PASSPHRASE)$/, []],
  // Whoever provisions holds keys and a role that may do anything.
  [/^AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|ROLE_ARN)$/, []],
  [/^S3_REPLICA_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)$/, []],
  // Production: its backup, evidence of an incident, and telling a restore's target from it.
  [/^DATABASE_(URL|CA)$/, ["backup", "incident", "restore"]],
  [/^SUPABASE_STORAGE_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)$/, ["backup"]],
  // A token that only reads; those that may change something are put in by name.
  [/^SUPABASE_ACCESS_TOKEN$/, ["backup", "monitor"]],
  [/^STAGING_/, ["proving", "drill"]],
  // Put in when it is needed, so that the button can reach nothing meanwhile.
  [/^TARGET_/, []],
  // The checkout has the keys; this would hide a change of them from its review.
  [/^BACKUP_PUBLIC_KEYS$/, []],
];

/** Lies in its environment only while it is used. */
export function isPutInLater(environment: string, name: string): boolean {
  return name.startsWith("TARGET_") || (environment === "restore" && name === "SUPABASE_ACCESS_TOKEN");
}

/** The setting of a person's environment that goes into this environment's `name`, in the order in which they are looked for. */
export function sourcesOf(environment: string, name: string): readonly string[] {
  const own = `${environment.toUpperCase().replaceAll("-", "_")}_${name}`;
  const taken = takers.find(([names]) => names.test(name))?.[1];
  return taken === undefined || taken.includes(environment) ? [own, name] : [own];
}
