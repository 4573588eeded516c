import { mkdir, readdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ConfigurationError } from "../../base/errors.ts";
import { allRows, readRuns, type Tree } from "../../report/branch/fold-runs.ts";
import { folderTree } from "../../report/branch/folder-tree.ts";
import { entryKey } from "../../vault/audit/entry.ts";
import { readTrail, readTrailFolder, type StoredTrail } from "../../vault/audit/read-trail.ts";
import { auditScript } from "../../vault/audit/script.ts";
import { type Anchor, verifyTrail } from "../../vault/audit/verify.ts";
import { noteSigners } from "../../vault/configured.ts";
import type { Context } from "../context.ts";
import type { Told } from "../operation.ts";
import { withFetchedBranch } from "../publish/fetched-branch.ts";
import { reportExport, reportFiled, reportList, reportVerdict } from "./page.ts";
import { filePending, pendingFolder } from "./pending-entries.ts";
import { openRunTrail, trailTrust } from "./run-trail.ts";

interface Asked {
  readonly action: "list" | "verify" | "export" | "file";
  readonly folder?: string | undefined;
  readonly out?: string | undefined;
  readonly reports?: string | undefined;
  readonly head?: string | undefined;
  readonly newest: number;
}

export async function runAudit(context: Context, { action, folder, out, reports, head, newest }: Asked): Promise<Told> {
  if (action === "file") return fileKept(context);
  const stored = folder === undefined ? await readTrail(await context.vault()) : await readTrailFolder(folder);
  if (action === "export" && out !== undefined) return exportTrail(context, stored, out);
  const anchors = action === "verify" ? await anchorsOf(context, reports, head) : [];
  const verdict = await verifyTrail(stored.objects, anchors, await trailTrust(context.config()));
  return action === "verify" ? reportVerdict(stored, verdict) : reportList(stored, verdict, newest);
}

/** What committed reports, and a message, tell of the trail. */
async function anchorsOf(context: Context, reports: string | undefined, head: string | undefined): Promise<Anchor[]> {
  if (reports !== undefined && folderTree(reports).paths.length === 0)
    throw new ConfigurationError(
      "reports-missing",
      `There are no reports in ${reports}.`,
      "Check the branch reports out there.",
    );
  const told =
    reports === undefined
      ? await withFetchedBranch(context, async (tree) => headsIn(tree))
      : headsIn(folderTree(reports));
  const [count, sha256] = head?.split(":") ?? [];
  return count === undefined || sha256 === undefined ? told : [...told, { count: Number(count), sha256 }];
}

/** The heads that the runs of a branch `reports` tell, those of folded months too. */
export function headsIn(tree: Tree): Anchor[] {
  return allRows(readRuns(tree)).flatMap(({ operations }) => operations.flatMap(({ audit }) => audit ?? []));
}

async function exportTrail(context: Context, { objects }: StoredTrail, out: string): Promise<Told> {
  const folder = resolve(out);
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0)
    throw new ConfigurationError("folder-taken", `${out} is not empty.`, "Name a folder that is new, or empty.");
  for (const [number, bytes] of objects) {
    const path = join(folder, entryKey(number));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes, { flag: "wx" });
  }
  const keys = (await noteSigners(context.config())).map(({ key }) => key.armor());
  await writeFile(join(folder, "keys.asc"), keys.join("\n"));
  await writeFile(join(folder, "verify-audit.sh"), auditScript(), { mode: 0o755 });
  return reportExport(objects.size, out);
}

/** What restores have kept in this folder while the trail could not be written. */
async function fileKept(context: Context): Promise<Told> {
  const { writer } = await openRunTrail(context.config(), context.env, await context.vault());
  const by = context.env["GITHUB_ACTOR"] ?? userInfo().username;
  return reportFiled(await filePending(writer, pendingFolder(context.env), by));
}
