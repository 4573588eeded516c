import { join, relative } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import { readPolicyText, replacePolicyText } from "../../config/policy-file.ts";
import type { KeyRole } from "../../seal/keys/keyring.ts";
import { type Pins, renderPins, replacePins } from "../../seal/keys/pins.ts";
import { generateKey, type NewKey, readPrivateKey } from "../../seal/keys/private-key.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import {
  givenPassphrase,
  type NewFile,
  newPassphrase,
  outsideRepository,
  refuseExisting,
  writeNewFiles,
} from "./new-files.ts";

export interface KeysRequest {
  readonly out: string;
  /** Separated by commas; default: all four. */
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

export const allRoles: readonly KeyRole[] = ["operations", "prover", "escrow", "signing"];

export interface GenerateOptions {
  /** Which keys to make; default: all four. */
  readonly roles?: readonly KeyRole[];
  /** The project's name, for the keys' user ids. */
  readonly project: string;
  /** The checkout: public keys go to `.github/keys` in it, private ones never into it. */
  readonly repository: string;
  /** Folder for the private keys, their passphrases and revocation certificates. */
  readonly out: string;
  /** Default: 2. */
  readonly years?: number;
  /** The policy's present pins; those of the new keys are put in their place (signing: before the others). */
  readonly pins: Pins;
  /** Path of the policy whose pins are to be rewritten; undefined: only print them. */
  readonly pin?: string | undefined;
  /** Where `<ROLE>_KEY_PASSPHRASE` is looked for; what isn't there is made up and written beside the private key. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dryRun?: boolean;
  readonly now?: Date;
}

export interface GeneratedKey {
  readonly role: KeyRole;
  /** Empty in a dry run. */
  readonly fingerprint: string;
  readonly expires: Date;
  readonly publicFile: string;
  readonly privateFile: string;
  /** Null when the passphrase came from the environment. */
  readonly passphraseFile: string | null;
  readonly revocationFile: string;
}

export interface GeneratedKeys {
  readonly keys: readonly GeneratedKey[];
  readonly pins: Pins;
  /** To paste into the policy. */
  readonly block: string;
  /** The policy has been rewritten. */
  readonly pinned: boolean;
}

/**
 * Makes keys, writes their public halves into the repository and their private ones outside of it.
 *
 * @throws ConfigurationError `private-keys-inside-repository`, `key-file-exists`, `passphrase-too-short`,
 * `pins-block-missing`, `policy-unreadable`, `key-lifetime`: all before anything is written
 */
export async function generateKeys(options: GenerateOptions): Promise<GeneratedKeys> {
  const out = outsideRepository(options.out, options.repository);
  const expires = expiry(options.now ?? new Date(), options.years ?? 2);
  const plans = (options.roles ?? allRoles).map((role) => {
    const given = givenPassphrase(options.env, role);
    return { role, expires, given, files: filesOf(role, options.repository, out, given === undefined) };
  });
  refuseExisting(plans.flatMap(({ files }) => Object.values(files).filter((path) => path !== null)));
  const policyText = options.pin === undefined ? undefined : readPolicyText(options.pin);
  if (policyText !== undefined) replacePins(policyText, options.pins);
  if (options.dryRun) {
    const keys = plans.map(({ role, files }) => ({ role, fingerprint: "", expires, ...files }));
    return { keys, pins: options.pins, block: "", pinned: false };
  }

  const made: GeneratedKey[] = [];
  const files: NewFile[] = [];
  for (const plan of plans) {
    const passphrase = plan.given ?? newPassphrase();
    const key = await generateKey({ role: plan.role, project: options.project, passphrase, expires });
    // What is handed out as the only way back into the backups has been tried.
    await readPrivateKey(key.privateArmored, passphrase);
    files.push(...newFiles(key, plan.files, passphrase));
    made.push({ role: plan.role, fingerprint: key.fingerprint, expires, ...plan.files });
  }
  await writeNewFiles(files);
  const pins = withNew(options.pins, made);
  if (options.pin !== undefined && policyText !== undefined) {
    await replacePolicyText(options.pin, replacePins(policyText, pins));
  }
  return { keys: made, pins, block: renderPins(pins), pinned: options.pin !== undefined };
}

function filesOf(role: KeyRole, repository: string, out: string, withPassphrase: boolean) {
  return {
    publicFile: join(repository, ".github", "keys", `${role}.asc`),
    privateFile: join(out, `${role}.private.asc`),
    passphraseFile: withPassphrase ? join(out, `${role}.passphrase`) : null,
    revocationFile: join(out, `${role}.revocation.asc`),
  };
}

function newFiles(key: NewKey, files: ReturnType<typeof filesOf>, passphrase: string): NewFile[] {
  const secret = [
    { path: files.privateFile, content: key.privateArmored, secret: true },
    { path: files.revocationFile, content: key.revocationArmored, secret: true },
  ];
  if (files.passphraseFile !== null) {
    secret.push({ path: files.passphraseFile, content: `${passphrase}\n`, secret: true });
  }
  // Public halves last: one that is there has its private half.
  return [...secret, { path: files.publicFile, content: key.publicArmored, secret: false }];
}

function withNew(pins: Pins, made: readonly GeneratedKey[]): Pins {
  const recipients = { ...pins.recipients };
  let signing = [...pins.signing];
  for (const { role, fingerprint } of made) {
    if (role === "signing") signing = [fingerprint, ...signing];
    else recipients[role] = fingerprint;
  }
  return { recipients, signing };
}

function expiry(now: Date, years: number): Date {
  if (!(years > 0 && years <= 20)) {
    throw new ConfigurationError("key-lifetime", "A key's lifetime must be more than 0 and at most 20 years.");
  }
  return new Date(Math.floor((now.getTime() + years * 365.25 * 24 * 60 * 60 * 1000) / 1000) * 1000);
}
