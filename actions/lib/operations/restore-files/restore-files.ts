import type { Client } from "pg";
import { ConfigurationError } from "../../base/errors.ts";
import { Stages } from "../../base/flow/stages.ts";
import type { Log } from "../../base/log.ts";
import { countOf } from "../../base/measures.ts";
import type { ProjectFiles } from "../../storage/project-files.ts";
import { brokenOff } from "../target/sessions.ts";
import { maySetReplicationRole } from "../target/target.ts";
import { bucketsInTheWay, liftLimits, makeBuckets, putBackLimits } from "./buckets.ts";
import { type Comparison, compareRows } from "./compare-files.ts";
import { type FilesResult, notesOn } from "./files-result.ts";
import { assertArrivedHere, assertSameBuckets } from "./one-project.ts";
import { type Choice, Chooser } from "./selection.ts";
import { sendFiles } from "./send-files.ts";
import { readBuckets, readColumns, repairRows, type StorageColumns } from "./target-rows.ts";
import type { SnapshotFile, SnapshotFiles } from "./vault-snapshot.ts";
import { type FileDifference, sampleOf, verifyContents, verifyRows } from "./verify-files.ts";

export interface FilesTask {
  readonly snapshot: SnapshotFiles;
  readonly choice: Choice;
  readonly targetName: string;
  /** Prefix of the target's settings, for messages. */
  readonly prefix: string;
  /** A new session at the target. */
  readonly connect: () => Promise<Client>;
  readonly target: ProjectFiles;
  /** Files that are there with other bytes are written over. */
  readonly overwrite: boolean;
  /** Share of the files that is read back; undefined: all of them up to `readAllBytes`, then a twentieth. */
  readonly sample: number | undefined;
  readonly readAllBytes: number;
  /** Requests to the endpoint at a time. */
  readonly width: number;
  readonly dryRun: boolean;
  /** A rehearsal of what comes after the rows: who owns the files is not there yet, and will be. */
  readonly rowsComeFirst?: boolean | undefined;
  readonly log: Log;
  readonly signal?: AbortSignal | undefined;
}

const rowsAtOnce = 500;
const findingsTold = 100;
const sampleOfMuch = 0.05;

/**
 * Brings the files of a snapshot into a project: buckets that are missing, then every file that is missing or whose bytes
 * are lost, over its row where there is one, then what of the rows only SQL can set; and proves it. Run again, it sends
 * what is still missing and nothing twice.
 *
 * @throws ConfigurationError before anything is written: `files-differ`, `bucket-unknown`, `files-unknown`,
 * `target-without-storage`, `target-storage-refused`
 * @throws OperationError what breaks on the way; limits of buckets are put back first
 */
export async function restoreFiles(task: FilesTask): Promise<FilesResult> {
  await using run = new FilesRun(task, await task.connect());
  try {
    return await run.run();
  } catch (error) {
    task.signal?.throwIfAborted();
    throw brokenOff(error);
  }
}

class FilesRun {
  readonly #task: FilesTask;
  #client: Client;
  readonly #stages: Stages;
  readonly #findings: FileDifference[] = [];

  constructor(task: FilesTask, client: Client) {
    this.#task = task;
    this.#client = client;
    this.#stages = new Stages(task.log);
  }

  async run(): Promise<FilesResult> {
    const { snapshot, target, prefix, dryRun, overwrite, signal } = this.#task;
    const columns = await readColumns(this.#client);
    const chosen = await this.#stages.run("choose files", () => this.#choose());
    await assertSameBuckets(this.#client, target, prefix, signal);
    if (!dryRun) await this.#putBackEarlier();
    const found = await this.#stages.run("inspect the target", () => this.#compareRows(chosen));
    this.#refuseDifferent(found);
    const toSend = [...found.missing, ...(overwrite ? found.different : [])].filter((file) => this.#isCarried(file));
    const head = this.#heading(chosen, toSend, found, overwrite);
    const notes = await notesOn(this.#client, this.#task, chosen);
    if (dryRun) return { ...head, outcome: "dry-run", notes, findings: [], stages: this.#stages.taken };

    const chooser = new Chooser(this.#task.choice);
    const wantedBuckets = snapshot.buckets.filter(({ id }) => chooser.wantsBucket(id));
    const bucketsMade = await makeBuckets(this.#client, wantedBuckets, columns);
    await assertSameBuckets(this.#client, target, prefix, signal);
    const { lifted, sent } = await this.#stages.run("send", () => this.#send(toSend, found.versions));
    const arrived = [...found.present, ...sent];
    await this.#renew();
    const silent = await maySetReplicationRole(this.#client);
    let rowsRepaired = await this.#stages.run("repair rows", () => this.#repair(arrived, columns, silent));
    const unread = arrived.filter((file) => !found.read.has(file));
    const { share, sample } = this.#sample(unread);
    const replaced = await this.#stages.run("read back", async () => {
      const again = await this.#readBack(sample, found);
      await this.#renew();
      rowsRepaired += await this.#repair(again, columns, silent);
      this.#findings.push(...(await verifyRows(arrived, silent, { client: this.#client, columns })));
      return again;
    });
    const counts = {
      ...head.counts,
      ...{
        sent: sent.length + replaced.length,
        sentBytes: bytesOf([...sent, ...replaced]),
        rowsRepaired,
        readBack: sample.length + found.read.size,
      },
      ...{ overwritten: head.counts.overwritten + replaced.length, present: head.counts.present - replaced.length },
      findings: this.#findings.length,
    };
    const outcome = outcomeOf(this.#findings, share < 1 && unread.length > sample.length);
    const findings = this.#findings.slice(0, findingsTold);
    return { ...head, outcome, counts, bucketsMade, limitsLifted: lifted, findings, notes, stages: this.#stages.taken };
  }

  async #choose(): Promise<SnapshotFile[]> {
    const { snapshot, choice } = this.#task;
    const chooser = new Chooser(choice);
    const chosen: SnapshotFile[] = [];
    for await (const file of snapshot.files()) if (chooser.wants(file)) chosen.push(file);
    chooser.refuseUnknown(snapshot.buckets.map(({ id }) => id));
    return chosen;
  }

  async #putBackEarlier(): Promise<void> {
    const back = await putBackLimits(this.#client);
    if (back.length > 0)
      this.#task.log.info(`Put back the limits of ${countOf(back.length, "bucket")} that an earlier run had lifted.`);
  }

  async #compareRows(chosen: readonly SnapshotFile[]): Promise<Comparison<SnapshotFile>> {
    const found = await compareRows(chosen, this.#client, this.#task.target, this.#task);
    for (const { file, why } of found.unknown)
      this.#say(file, "unverified", `what the target has could not be found out: ${why}`);
    return found;
  }

  #refuseDifferent({ different, missing }: Comparison<SnapshotFile>): void {
    if (different.length === 0 || this.#task.overwrite || this.#task.dryRun) return;
    const buckets = [...new Set(different.map(({ bucket }) => bucket))].join(", ");
    throw new ConfigurationError(
      "files-differ",
      `${countOf(different.length, "file")} of the target ${different.length === 1 ? "has" : "have"} other bytes than in the snapshot (in ${buckets}); ${countOf(missing.length, "file")} would be sent. Nothing was written.`,
      "Give --overwrite to replace them, or choose others with --bucket, --prefix, --owner or --list.",
    );
  }

  /** Sends under lifted limits where there are any in the way, and puts them back whatever happens. */
  async #send(
    files: readonly SnapshotFile[],
    versions: Comparison<SnapshotFile>["versions"],
  ): Promise<{ lifted: string[]; sent: SnapshotFile[] }> {
    const { snapshot, target, prefix, width, log, signal } = this.#task;
    const sent: SnapshotFile[] = [];
    if (files.length === 0) return { lifted: [], sent };
    const lifted = bucketsInTheWay(files, await readBuckets(this.#client));
    await liftLimits(this.#client, lifted);
    try {
      const task = {
        ...{ snapshot, target, width, log, signal },
        sent: async (file: SnapshotFile) => {
          if (sent.push(file) === 1) await assertArrivedHere(this.#client, file, versions.get(file), prefix);
        },
        failed: (file: SnapshotFile, why: string) => this.#say(file, "failed", why),
      };
      await sendFiles(files, task);
    } finally {
      if (lifted.length > 0) await this.#putBack();
    }
    return { lifted, sent };
  }

  /** Limits that stay lifted would let everybody send anything. */
  async #putBack(): Promise<void> {
    await this.#renew();
    await putBackLimits(this.#client);
  }

  /** A session that had nothing to do while files were sent may have been ended by a pooler. */
  async #renew(): Promise<void> {
    try {
      await this.#client.query("select 1");
    } catch {
      await this.#client.end().catch(() => undefined);
      this.#client = await this.#task.connect();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end().catch(() => undefined);
  }

  async #repair(files: readonly SnapshotFile[], columns: StorageColumns, silent: boolean): Promise<number> {
    let changed = 0;
    for (let from = 0; from < files.length; from += rowsAtOnce) {
      this.#task.signal?.throwIfAborted();
      changed += await repairRows(this.#client, files.slice(from, from + rowsAtOnce), columns, silent);
    }
    return changed;
  }

  /** @returns files whose rows looked right and whose bytes GET shows to be others: sent again, their rows not yet repaired */
  async #readBack(sample: SnapshotFile[], { present, versions }: Comparison<SnapshotFile>): Promise<SnapshotFile[]> {
    const findings = await verifyContents(sample, this.#task);
    const bad = new Set(
      findings.flatMap(({ id, aspect, verdict }) => (verdict === "failed" && aspect === "bytes" ? id : [])),
    );
    const there = new Set(present);
    const spoilt = this.#task.overwrite ? sample.filter((file) => bad.has(file.id) && there.has(file)) : [];
    if (spoilt.length === 0) {
      this.#findings.push(...findings);
      return [];
    }
    const { sent } = await this.#send(spoilt, versions);
    const again = new Set(sent.map(({ id }) => id));
    this.#findings.push(...findings.filter(({ id }) => !again.has(id)), ...(await verifyContents(sent, this.#task)));
    return sent;
  }

  #sample(files: readonly SnapshotFile[]): { share: number; sample: SnapshotFile[] } {
    const share = this.#task.sample ?? (bytesOf(files) <= this.#task.readAllBytes ? 1 : sampleOfMuch);
    return { share, sample: sampleOf(files, share) };
  }

  #heading(chosen: SnapshotFile[], toSend: SnapshotFile[], found: Comparison<SnapshotFile>, overwrite: boolean) {
    const { snapshot, targetName } = this.#task;
    return {
      ...{ snapshot: snapshot.id, takenAt: snapshot.takenAt, target: targetName },
      counts: {
        ...{ chosen: chosen.length, bytes: bytesOf(chosen), sent: toSend.length, sentBytes: bytesOf(toSend) },
        ...{ overwritten: overwrite ? found.different.length : 0, present: found.present.length },
        ...{ different: found.different.length, rowsRepaired: 0, readBack: 0, findings: 0 },
      },
      bucketsMade: [] as string[],
      limitsLifted: [] as string[],
    };
  }

  /** supabase/storage put-object.ts: an empty file whose name ends in a slash becomes a placeholder below that name. */
  #isCarried(file: SnapshotFile): boolean {
    const carried = file.bytes > 0 || !file.name.endsWith("/");
    if (!carried) this.#say(file, "expected", "the endpoint takes no empty file whose name ends in a slash");
    return carried;
  }

  #say({ id, bucket }: SnapshotFile, verdict: FileDifference["verdict"], why: string): void {
    this.#findings.push({ id, bucket, aspect: "bytes", verdict, why });
  }
}

const bytesOf = (files: readonly { readonly bytes: number }[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

function outcomeOf(findings: readonly FileDifference[], sampled: boolean): FilesResult["outcome"] {
  if (findings.some(({ verdict }) => verdict === "failed")) return "differs";
  if (findings.some(({ verdict }) => verdict === "unverified")) return "unverified";
  return sampled ? "sampled" : "equal";
}
