import { createHash } from "node:crypto";
import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { wholeOf } from "../../base/flow/chunks.ts";
import {
  type CapturedFunction,
  type Configuration,
  configurationArtifact,
  configurationSchema,
  functionArtifact,
  rootKeyArtifact,
} from "../../supabase/configuration/document.ts";
import type { OpenSet } from "../../vault/sets/open-set.ts";

const MiB = 1024 * 1024;
/** 20,000 settings, most of them a word; and a function's bundle, of which Supabase takes 20 MB. */
const most = { configuration: 128 * MiB, body: 64 * MiB, rootKey: 16 * 1024 } as const;

/**
 * The project's configuration as a set keeps it.
 * @returns undefined where the set has none: no access token was given to its backup
 * @throws OperationError `configuration-unreadable`; what the set's reader throws
 */
export async function readConfiguration(open: OpenSet): Promise<Configuration | undefined> {
  const bytes = await artifactOf(open, configurationArtifact, most.configuration);
  if (bytes === undefined) return undefined;
  const parsed = configurationSchema.safeParse(documentOf(open, bytes));
  if (!parsed.success) throw unreadable(open, `first at ${parsed.error.issues[0]?.path.join(".") || "its top"}`);
  return parsed.data;
}

/**
 * The body of an Edge Function of the set.
 * @returns undefined where the set has none
 * @throws OperationError `configuration-unreadable` when it is not the one that was kept; what the set's reader throws
 */
export async function readFunctionBody(open: OpenSet, { slug, body }: CapturedFunction): Promise<Buffer | undefined> {
  if ("missing" in body) return undefined;
  // Never by the name that the document gives: one of ours is the only one that may be meant.
  const bytes = await artifactOf(open, functionArtifact(slug), most.body);
  if (bytes === undefined) return undefined;
  if (createHash("sha256").update(bytes).digest("hex") !== body.sha256)
    throw unreadable(open, `the body of function ${slug} is another one`);
  return bytes;
}

const rootKeySchema = z.object({ root_key: z.string().min(1) });

/**
 * Vault's root key, where the policy had it kept.
 * @returns undefined where the set has none, or the private key may not open it: operations and escrow alone may
 * @throws OperationError `configuration-unreadable`; what the set's reader throws
 */
export async function readRootKey(open: OpenSet): Promise<string | undefined> {
  try {
    const bytes = await artifactOf(open, rootKeyArtifact, most.rootKey);
    return bytes && rootKeySchema.parse(documentOf(open, bytes)).root_key;
  } catch (error) {
    if (error instanceof LifeboatError && error.code === "wrong-private-key") return undefined;
    throw error instanceof LifeboatError ? error : unreadable(open, "Vault's root key");
  }
}

async function artifactOf(open: OpenSet, name: string, largest: number): Promise<Buffer | undefined> {
  const artifact = open.manifest.artifacts.find((one) => one.name === name);
  if (artifact === undefined) return undefined;
  if (artifact.plainBytes > largest) throw unreadable(open, `${name} is larger than any can be`);
  return wholeOf(open.artifact(name));
}

function documentOf(open: OpenSet, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    // The parser's message quotes the text; ours must not.
    throw unreadable(open, "it is no JSON");
  }
}

function unreadable({ set }: OpenSet, why: string): OperationError {
  return new OperationError(
    "configuration-unreadable",
    `The configuration in set ${set} cannot be used: ${why}.`,
    "Use another set (`lifeboat list`), or the version of Lifeboat that its manifest names.",
  );
}
