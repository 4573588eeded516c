import { z } from "zod";
import { ConfigurationError, LifeboatError, OperationError } from "../../base/errors.ts";
import { mapBounded } from "../../base/flow/bounded.ts";
import { noteTouched } from "../../base/touched.ts";
import { isConditionFailed, isMissing } from "../../s3/store-errors.ts";
import type { Lease } from "../lease/lease.ts";
import type { Vault } from "../s3/client.ts";
import { assertStored } from "../s3/read-back.ts";
import { vaultAsWritten, type WrittenObject } from "../s3/versions.ts";

export const manifestName = "manifest.json";
export const signatureName = `${manifestName}.sig`;
const maxSignatureBytes = 64 * 1024;
/** Why what has no signature is not to be trusted. */
const notSigned = "it is not signed";

/** Who signed, and when. */
export interface SignedBy {
  readonly fingerprint: string;
  readonly signedAt: Date;
}

/** Checks a detached, armored signature against the trusted keys; throws when it is not theirs (`seal/keys/signature.ts`). */
export type VerifySignature = (bytes: Uint8Array, armored: string) => Promise<SignedBy>;

/**
 * Checks what lets something go: the end of an incident, the release of a hold (`releaseVerifier` of vault/configured). `begins` checks
 * what made it stay, where other keys count as well; the same by default.
 */
export type VerifyRelease = VerifySignature & { readonly begins?: VerifySignature };

/** Makes the error for a manifest that is not to be believed. */
export type Untrusted = (why: string) => Error;

/**
 * Puts a document into the vault for good: its signature first (`<key>.sig`), then, under the lease where there is one, the
 * document, which counts from then on. Neither replaces anything, and both are read back.
 * @param bytes what `signature` (armored) covers
 * @throws OperationError `set-taken`, `proof-taken`, `escrow-taken`, `repair-taken` or `kit-taken` when another writer was first, `lease-lost` (with the document there when
 * it was lost in that very moment), `s3-unavailable`; `stored-differs` when the store does not hold what it said it had stored
 */
export async function publishSigned(
  vault: Vault,
  key: string,
  bytes: Uint8Array,
  signature: string,
  options: Partial<PublishOptions> & { readonly kind: "set" | "proof" | "escrow" | "repair" | "kit" },
): Promise<void> {
  const { kind, lease, signal } = options;
  const put = (name: string, body: Uint8Array, contentType: string) =>
    vault.put(name, body, { ifNoneMatch: true, contentType, ...(signal && { signal }) }).catch((error: unknown) => {
      if (!isConditionFailed(error)) throw error;
      throw new OperationError(
        `${kind}-taken`,
        `${name} is there already: somebody else has written this ${kind === "escrow" ? "entry" : kind}`,
      );
    });
  await put(`${key}.sig`, Buffer.from(signature), "application/pgp-signature");
  await assertStored(vault, `${key}.sig`, Buffer.from(signature));
  await lease?.assertHeld();
  signal?.throwIfAborted();
  await put(key, bytes, "application/json");
  // Nobody removes what is younger than a day (`removeLeftovers`), but a machine may have slept between those two lines.
  await lease?.assertHeld().catch((error: unknown) => {
    if (!(error instanceof LifeboatError && error.code === "lease-lost")) return;
    throw new OperationError(
      "lease-lost",
      `The lease went to somebody else while ${key} was being published: it is there, and this run cannot say whether all that it names still is`,
      "Read it again with `lifeboat verify`, or run again for another.",
    );
  });
  await assertStored(vault, key, bytes);
  noteTouched("made", key, bytes);
}

export interface PublishOptions {
  readonly lease: Pick<Lease, "assertHeld">;
  readonly signal?: AbortSignal;
}

/** Makes a set, or a snapshot of the files, exist: its manifest below a prefix. @throws as `publishSigned` */
export function publishManifest(
  vault: Vault,
  prefix: string,
  bytes: Uint8Array,
  signature: string,
  options: PublishOptions,
): Promise<void> {
  return publishSigned(vault, prefix + manifestName, bytes, signature, { kind: "set", ...options });
}

/**
 * Reads a document and checks its signature; undefined when there is none.
 * @param maxBytes a longer one is refused unread
 * @throws what `untrusted` makes when it is not signed, or not by a trusted key
 */
export async function readSigned(
  vault: Vault,
  key: string,
  maxBytes: number,
  verify: VerifySignature,
  untrusted: Untrusted,
): Promise<{ bytes: Uint8Array; signature: string; signedBy: SignedBy } | undefined> {
  const [bytes, armored] = await Promise.all([
    readDocument(vault, key, maxBytes, untrusted),
    readDocument(vault, `${key}.sig`, maxSignatureBytes, untrusted),
  ]);
  if (bytes === undefined) return undefined;
  if (armored === undefined) throw untrusted(notSigned);
  const signature = Buffer.from(armored).toString("latin1");
  const signedBy = await verify(bytes, signature).catch((error: unknown) => {
    throw untrusted(error instanceof LifeboatError ? error.message : "its signature is not by a trusted key");
  });
  return { bytes, signature, signedBy };
}

/** Documents of one kind that lie below a prefix: proofs, what is in escrow. */
export interface Kind<Document> {
  /** Which keys are theirs; their signatures' are none. */
  readonly isKey: (key: string) => boolean;
  /** Where a document belongs, by what is in it. */
  readonly keyOf: (document: Document) => string;
  readonly maxBytes: number;
  readonly schema: z.ZodType<Document>;
  /** Its name, for messages. */
  readonly format: string;
}

/** A document that a trusted key has signed, in its place. */
export interface Believed<Document> {
  readonly document: Document;
  readonly signedBy: SignedBy;
  readonly key: string;
}

/** A document that is there and not to be trusted, and why. */
export interface Refused {
  readonly key: string;
  readonly problem: string;
}

/** More than there ever are: a restore test a month makes a hundred proofs in eight years. */
const mostRead = 2000;

/**
 * Reads every document of a kind whose signature `verify` accepts. One that is not to be trusted is named, not passed over. One that
 * somebody hid or replaced is read as it was written: its signature makes it true all the same.
 * @param objects what `writtenObjects` gave for their prefix
 * @returns `unread`: how many that bear a signature were not read, because there are too many: any of them may be one of ours
 */
export async function readAllSigned<Document>(
  vault: Vault,
  objects: readonly WrittenObject[],
  kind: Kind<Document>,
  verify: VerifySignature,
): Promise<{ believed: Believed<Document>[]; refused: Refused[]; unread: number }> {
  const written = vaultAsWritten(vault, objects);
  const there = new Set(objects.map(({ key }) => key));
  const documents = objects.filter(({ key }) => kind.isKey(key));
  const signed = documents.filter(({ key }) => there.has(`${key}.sig`));
  const chosen = new Set(firstAndLast(signed));
  const read = await mapBounded(documents, 24, async (one): Promise<Believed<Document> | Refused> => {
    if (chosen.has(one)) return readOne(written, one.key, kind, verify);
    return { key: one.key, problem: there.has(`${one.key}.sig`) ? "there are too many" : notSigned };
  });
  return {
    believed: read.filter((one) => "document" in one),
    refused: read.filter((one) => "problem" in one),
    unread: signed.length - chosen.size,
  };
}

/** Of very many those that were written first and last: ours are from before somebody laid the others, or from after. */
function firstAndLast(objects: readonly WrittenObject[]): readonly WrittenObject[] {
  if (objects.length <= mostRead) return objects;
  const time = ({ lastModified }: WrittenObject): number => lastModified?.getTime() ?? 0;
  const inOrder = objects.toSorted((a, b) => time(a) - time(b));
  return [...inOrder.slice(0, mostRead / 2), ...inOrder.slice(-mostRead / 2)];
}

async function readOne<Document>(
  vault: Vault,
  key: string,
  { keyOf, maxBytes, schema, format }: Kind<Document>,
  verify: VerifySignature,
): Promise<Believed<Document> | Refused> {
  const untrusted = (why: string) => new ConfigurationError("document-untrusted", why);
  try {
    const found = await readSigned(vault, key, maxBytes, verify, untrusted);
    if (found === undefined) throw untrusted("it cannot be read");
    const document = parseDocument(found.bytes, schema, format, untrusted);
    if (key !== keyOf(document)) throw untrusted("it was signed for another place");
    return { document, signedBy: found.signedBy, key };
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "document-untrusted") return { key, problem: error.message };
    throw error;
  }
}

/** Where something is published, and what counts as it: a set of the database, a snapshot of the files. */
interface Place<Document> {
  /** E.g. `database/<tier>/<set>/`. */
  readonly prefix: string;
  /** E.g. `set 20261122T221500Z-1a2b3c4d (daily)`. */
  readonly name: string;
  /** Of the error when there is none. */
  readonly unknown: "set-unknown" | "snapshot-unknown" | "kit-unknown";
  /** The command that lists others. */
  readonly list: string;
  readonly maxBytes: number;
  /** @throws what `untrusted` makes when the bytes are not its manifest */
  readonly parse: (bytes: Uint8Array, untrusted: Untrusted) => Document;
}

/** What is published, as its manifest describes it. */
export interface Stored<Document> {
  readonly manifest: Document;
  readonly bytes: Uint8Array;
  readonly signature: string;
  readonly signedBy: SignedBy;
  readonly prefix: string;
}

/**
 * Reads and checks a manifest: signed by a trusted key, and about what lies in this very place.
 * @param signed false: the store's list shows no signature, and nothing is read
 * @throws ConfigurationError `manifest-untrusted`, `set-unknown`, `snapshot-unknown`
 */
export async function readPublished<Document>(
  vault: Vault,
  { prefix, name, unknown, list, maxBytes, parse }: Place<Document>,
  verify: VerifySignature,
  signed = true,
): Promise<Stored<Document>> {
  const untrusted = (why: string) =>
    new ConfigurationError(
      "manifest-untrusted",
      `The manifest of ${name} is not to be trusted: ${why}`,
      `Use another one (\`${list}\`), and find out who wrote this one.`,
    );
  if (!signed) throw untrusted(notSigned);
  const found = await readSigned(vault, prefix + manifestName, maxBytes, verify, untrusted);
  if (found === undefined)
    throw new ConfigurationError(unknown, `There is no ${name} in bucket ${vault.bucket}`, `See \`${list}\`.`);
  return { ...found, manifest: parse(found.bytes, untrusted), prefix };
}

/** The result of reading something published: the document, or why it cannot be trusted; undefined when it is gone. */
export async function believed<Document>(
  read: () => Promise<Document>,
): Promise<{ readonly document: Document } | { readonly problem: string } | undefined> {
  try {
    return { document: await read() };
  } catch (error) {
    if (!(error instanceof LifeboatError)) throw error;
    if (["set-unknown", "snapshot-unknown", "kit-unknown", "s3-missing"].includes(error.code)) return undefined;
    if (error.code !== "manifest-untrusted") throw error;
    return { problem: error.message };
  }
}

/**
 * @param format its name, for the message
 * @throws what `untrusted` makes when the bytes are not JSON of the schema's form
 */
export function parseDocument<Document>(
  bytes: Uint8Array,
  schema: z.ZodType<Document>,
  format: string,
  untrusted: Untrusted,
): Document {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw untrusted("it is not JSON");
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const said = z.object({ format: z.string().regex(/^lifeboat-[a-z-]{1,20}\/\d{1,4}$/) }).safeParse(json).data?.format;
  if (said !== undefined && said !== format) {
    throw untrusted(`it is of format ${said}, and this version of Lifeboat reads ${format} alone`);
  }
  const where = parsed.error.issues[0]?.path.join(".");
  throw untrusted(`it does not have the form of ${format}${where ? ` (${where})` : ""}`);
}

async function readDocument(vault: Vault, key: string, maxBytes: number, untrusted: Untrusted) {
  try {
    return (await vault.get(key, { maxBytes })).body;
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof LifeboatError && error.code === "s3-too-large") throw untrusted(`${key} is too large`);
    throw error;
  }
}
