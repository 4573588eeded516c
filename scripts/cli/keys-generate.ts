import { relative } from "node:path";
import { ConfigurationError } from "../../actions/lib/base/errors.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { allRoles, type GeneratedKeys, generateKeys } from "../../actions/lib/operations/keys/generate.ts";
import type { KeyRole } from "../../actions/lib/seal/keys/keyring.ts";
import type { Call, Outcome } from "./command.ts";

export async function generate({ values, flags }: Call): Promise<Outcome> {
  const { out } = values;
  if (out === undefined) {
    const next = "Give a folder outside of this repository with --out, best on a medium that can be taken away.";
    throw new ConfigurationError("usage", "'keys generate' needs to know where the private keys go.", next);
  }
  const config = await loadConfig({ needs: [] });
  const dryRun = flags["dry-run"] === true;
  const made = await generateKeys({
    roles: readRoles(values["role"]),
    project: config.policy.project.name,
    repository: process.cwd(),
    out,
    years: Number(values["years"] ?? 2),
    pins: config.policy.keys,
    pin: flags["pin"] === true ? config.policyPath : undefined,
    env: config.env,
    dryRun,
  });
  return { json: { dryRun, ...made }, lines: dryRun ? planned(made) : written(made) };
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
