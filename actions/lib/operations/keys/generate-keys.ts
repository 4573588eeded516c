import { relative } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import type { KeyRole } from "../../seal/keys/keyring.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { allRoles, type GeneratedKeys, generateKeys } from "./generate.ts";

export interface KeysRequest {
  readonly out: string;
  /** Separated by commas; all four unless told. */
  readonly role: string | undefined;
  readonly years: number;
  /** Write the fingerprints into the policy. */
  readonly pin: boolean;
  readonly dryRun: boolean;
}

/** Makes keys and says what to do with them. */
export async function generate(context: Context, { out, role, years, pin, dryRun }: KeysRequest): Promise<Told> {
  const { policy, policyPath, env } = context.config();
  const made = await generateKeys({
    ...{ roles: readRoles(role), project: policy.project.name, repository: process.cwd(), out, years },
    ...{ pins: policy.keys, pin: pin ? policyPath : undefined, env, dryRun },
  });
  return { result: { dryRun, ...made }, lines: dryRun ? planned(made) : written(made) };
}

function readRoles(text: string | undefined): readonly KeyRole[] {
  if (text === undefined) return allRoles;
  return text.split(",").map((name) => {
    const role = allRoles.find((known) => known === name.trim());
    if (role !== undefined) return role;
    throw new ConfigurationError("usage", `'${name}' is not a role.`, `The roles are ${allRoles.join(", ")}.`);
  });
}

function planned({ keys }: GeneratedKeys): string[] {
  const files = keys.flatMap((key) => [key.publicFile, key.privateFile, key.passphraseFile, key.revocationFile]);
  return [
    "Dry run: these files would be written.",
    ...files.filter((file) => file !== null).map((file) => `  ${file}`),
  ];
}

function written({ keys, block, pinned }: GeneratedKeys): string[] {
  return [
    ...keys.flatMap((key) => [
      `${key.role}: ${key.fingerprint}, valid until ${key.expires.toISOString().slice(0, 10)}`,
      `  public      ${relative(process.cwd(), key.publicFile)}`,
      `  private     ${key.privateFile}`,
      `  passphrase  ${key.passphraseFile ?? "yours, from the environment"}`,
      `  revocation  ${key.revocationFile}`,
    ]),
    "",
    ...(pinned ? ["Pinned in the policy:"] : ["Pin them: put this into lifeboat.config.ts (or generate with --pin):"]),
    block,
    "",
    "Now: commit the public keys and the pins; store signing, prover and operations in their GitHub environments;",
    "take escrow offline. Without operations or escrow nothing opens the backups.",
  ];
}
