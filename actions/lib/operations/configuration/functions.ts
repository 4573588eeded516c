import { createHash } from "node:crypto";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { z } from "zod";
import { LifeboatError, OperationError } from "../../base/errors.ts";
import { ApiRefusal } from "../../supabase/api-refusal.ts";
import type { CapturedFunction } from "../../supabase/configuration/document.ts";
import { projectPath } from "../../supabase/management-api.ts";
import { readSources } from "./function-sources.ts";
import { type Carrying, deniedRow, type Row, rowOf } from "./row.ts";

const listSchema = z.array(
  z.object({ slug: z.string(), verify_jwt: z.boolean().nullish(), ezbr_sha256: z.string().nullish() }),
);
type Deployed = z.output<typeof listSchema>[number];

/** A bundle as Supabase stores it: these four bytes, then brotli. Its SHA-256 is what the API tells of a function. */
const magic = Buffer.from("EZBR");
const bundleType = "application/vnd.denoland.eszip";

const fromSources = "Deploy it from its sources (`supabase functions deploy`).";

/**
 * Deploys the functions of the set and compares what runs by the hash that the API tells, or by the body that it gives.
 * @returns a row for each
 * @throws what the client and `bodyOf` throw
 */
export async function carryFunctions(work: Carrying): Promise<Row[]> {
  const { functions } = work.configuration;
  if (functions.length === 0) return [];
  try {
    const before = await deployedIn(work);
    const rows: Row[] = [];
    for (const one of functions) rows.push(await byItself(work, one, before.get(one.slug)));
    return rows;
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error;
    return functions.map(({ slug }) => deniedRow("functions", slug, error));
  }
}

/** What is wrong with one function alone: its body was damaged in the vault, or its sources are not as they should be. */
const ownFaults = new Set([
  ...["configuration-unreadable", "artifact-damaged", "s3-missing", "function-body", "function-sources"],
]);

/** One function must not keep all else from being put back. */
async function byItself(work: Carrying, one: CapturedFunction, before: Deployed | undefined): Promise<Row> {
  try {
    return await carryFunction(work, one, before);
  } catch (error) {
    if (error instanceof ApiRefusal) return deniedRow("functions", one.slug, error);
    if (!(error instanceof LifeboatError) || !ownFaults.has(error.code)) throw error;
    return rowOf("functions", one.slug, "refused", error.message, error.next ?? fromSources);
  }
}

async function carryFunction(work: Carrying, one: CapturedFunction, before: Deployed | undefined): Promise<Row> {
  const { slug, body } = one;
  const row = (outcome: Row["outcome"], why?: string, next?: string) => rowOf("functions", slug, outcome, why, next);
  if (isSame(one, before)) return row("already");
  const bytes = "missing" in body ? undefined : await work.bodyOf?.(one);
  if (bytes === undefined) {
    const sources = await readSources(work.functionsFolder, one);
    if (sources !== undefined) return deploySources(work, one, sources);
    const why = "missing" in body ? `the set does not have its body: ${body.missing}` : "its body is not at hand";
    return row("listed", why, fromSources);
  }
  if (before !== undefined && (await runs(work, one, before, bytes))) return row("already");
  if (work.rehearse === true) return row("carried");
  await deploy(work, one, bytes, before !== undefined);
  const now = (await deployedIn(work)).get(slug);
  if (now !== undefined && isSame(one, now)) return row("carried");
  if (now !== undefined && (await runs(work, one, now, bytes))) return row("carried");
  return row("refused", "Supabase took it, and what runs there is not what was kept", fromSources);
}

/** Whether what is deployed is the body of the set: two compressions of one bundle have two hashes. */
async function runs(work: Carrying, one: CapturedFunction, there: Deployed, bytes: Uint8Array): Promise<boolean> {
  if ((there.verify_jwt ?? true) !== one.verifyJwt) return false;
  const { body } = await work.api.bytes(projectPath(work.ref, `/functions/${one.slug}/body`));
  return Buffer.from(body).equals(bytes) || unpacked(body).equals(unpacked(bytes));
}

/** Larger than any bundle that Supabase takes. */
const mostUnpacked = 256 * 1024 * 1024;

function unpacked(bytes: Uint8Array): Buffer {
  const bundle = Buffer.from(bytes);
  if (!bundle.subarray(0, magic.length).equals(magic)) return bundle;
  try {
    return brotliDecompressSync(bundle.subarray(magic.length), { maxOutputLength: mostUnpacked });
  } catch {
    return bundle;
  }
}

/** Sources may be newer than what ran: that it is the same shows only where the bundle is. */
async function deploySources(work: Carrying, one: CapturedFunction, sources: FormData): Promise<Row> {
  const { slug } = one;
  if (work.rehearse !== true) {
    await work.api.send("POST", projectPath(work.ref, `/functions/deploy?slug=${slug}`), sources);
    const there = (await deployedIn(work)).get(slug);
    if (isSame(one, there)) return rowOf("functions", slug, "carried");
    if (there === undefined || (there.verify_jwt ?? true) !== one.verifyJwt)
      return rowOf("functions", slug, "refused", "Supabase took it and did not keep it as it was", fromSources);
  }
  const why = "it comes from the repository's sources, which may not be those that ran: the set does not have its body";
  return rowOf("functions", slug, "listed", why, "Try it.");
}

async function deployedIn(work: Carrying): Promise<Map<string, Deployed>> {
  const all = await work.api.get(projectPath(work.ref, "/functions"), listSchema);
  return new Map(all.map((one) => [one.slug, one]));
}

function isSame({ bundleSha256, verifyJwt }: CapturedFunction, there: Deployed | undefined): boolean {
  if (there === undefined || bundleSha256 === null) return false;
  return there.ezbr_sha256 === bundleSha256 && (there.verify_jwt ?? true) === verifyJwt;
}

/** By the bundle itself, which runs as it ran; or by sources, where the API gave those. */
async function deploy(work: Carrying, one: CapturedFunction, bytes: Uint8Array, exists: boolean): Promise<void> {
  const { slug, name, verifyJwt, entrypointPath, importMap, importMapPath, body } = one;
  const type = "type" in body ? body.type : "";
  if (type.startsWith("multipart/form-data")) {
    const form = await formOf(one, bytes, type);
    const metadata = {
      ...{ name, verify_jwt: verifyJwt, entrypoint_path: entrypointPath ?? "index.ts" },
      ...(importMapPath !== null && { import_map_path: importMapPath }),
    };
    form.set("metadata", JSON.stringify(metadata));
    await work.api.send("POST", projectPath(work.ref, `/functions/deploy?slug=${slug}`), form);
    return;
  }
  const bundle = Buffer.from(bytes).subarray(0, magic.length).equals(magic)
    ? Buffer.from(bytes)
    : Buffer.concat([magic, brotliCompressSync(bytes)]);
  const query = new URLSearchParams({
    ...{ slug, name, verify_jwt: String(verifyJwt) },
    ezbr_sha256: createHash("sha256").update(bundle).digest("hex"),
    ...(entrypointPath !== null && { entrypoint_path: entrypointPath }),
    ...(importMapPath !== null && { import_map_path: importMapPath }),
    ...((importMap || importMapPath !== null) && { import_map: "true" }),
  });
  const path = exists ? `/functions/${slug}` : "/functions";
  const blob = new Blob([bundle], { type: bundleType });
  await work.api.send(exists ? "PATCH" : "POST", projectPath(work.ref, `${path}?${query}`), blob);
}

async function formOf({ slug }: CapturedFunction, bytes: Uint8Array, type: string): Promise<FormData> {
  try {
    return await new Response(Buffer.from(bytes), { headers: { "content-type": type } }).formData();
  } catch {
    throw new OperationError(
      "function-body",
      `The body of ${slug} in the set is no form, as the API said when it gave it.`,
      fromSources,
    );
  }
}
