import { randomBytes } from "node:crypto";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { reportSnapshot } from "../../../actions/lib/operations/sync/page.ts";
import type { SyncResult } from "../../../actions/lib/operations/sync/request.ts";
import { verifyDetached } from "../../../actions/lib/seal/keys/signature.ts";
import { retentionOf } from "../../../actions/lib/vault/bucket/lock.ts";
import { resolveSnapshot } from "../../../actions/lib/vault/files/snapshot-catalogue.ts";
import { snapshotPrefix } from "../../../actions/lib/vault/format/names.ts";
import { type Version, versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";
import { keysIn } from "../../integration/backup-lab.ts";
import { retainFilesAt } from "../../integration/retention-lab.ts";
import { openSyncLab, type SyncLab } from "../../integration/sync-lab.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { type SeedFile, seedFiles } from "../../lab/storage/index.ts";
import { type BucketAttacker, openBucketAttacker } from "./bucket-attacker.ts";
import type { FaultRow, Seen } from "./row.ts";

const day = 86_400_000;
const deleted = "student-submissions";

export interface MeddledFilesRow extends FaultRow<MeddledFiles, void> {
  readonly stage: "retention" | "sync" | "sync after a killed one" | "newest snapshot";
}

/** What a row's attacker sees. */
export interface MeddledFiles extends BucketAttacker {
  /** `snapshots/<set>/` of a kept snapshot that alone names some packs. */
  readonly kept: string;
  /** Of the newest one. */
  readonly newest: string;
  /** A pack that only the kept one names. */
  readonly pack: string;
  /** Of the run that was killed: all that it has left. */
  readonly left: readonly string[];
}

type Answer = Pick<Seen, "code"> & { readonly outcome: Seen["outcome"]; readonly broken?: readonly string[] };

/** A vault with snapshots, of which one alone names what was deleted since. After each row all of it is whole. */
export class MeddledFilesScene implements AsyncDisposable {
  readonly #lab: SyncLab;
  readonly #client: S3Client = sharedS3().client();
  readonly #sets: string[];
  /** A file of the source that new ones lie beside. */
  readonly #like: SeedFile;

  private constructor(lab: SyncLab, sets: string[], like: SeedFile) {
    this.#lab = lab;
    this.#like = like;
    this.#sets = sets;
  }

  static async open(): Promise<MeddledFilesScene> {
    // Unlocked, so that what retention would delete is gone: locks only put it off. Weekly snapshots are locked.
    const daily = { retentionDays: 30, lock: "none" } as const;
    const storage = { smallFileBytes: 30_000, packBytes: 60_000, concurrency: 4 };
    const lab = await openSyncLab({
      policy: (policy) => ({
        ...policy,
        storage,
        retention: { keepNewest: 1 },
        tiers: { ...policy.tiers, daily, weekly: { ...daily, lock: "governance" } },
      }),
    });
    const files = await seedFiles(lab.project, lab.storage, { count: 20, bytes: 600_000, seed: 5 });
    const sets = [(await lab.sync({ tier: "weekly" })).set];
    await lab.sql("delete from storage.objects where bucket_id = $1", [deleted]);
    await lab.sync({ full: true, acceptShrinkage: true });
    sets.push((await lab.sync({ acceptShrinkage: true })).set);
    const like = files.find(({ bucket }) => bucket !== deleted);
    if (like === undefined) throw new Error("the seed fills one bucket only");
    return new MeddledFilesScene(lab, sets, like);
  }

  async run(row: MeddledFilesRow): Promise<Seen> {
    const { vault } = this.#lab.lab;
    const attacker = openBucketAttacker(vault, this.#client);
    const [kept = "", newest = ""] = this.#sets;
    const left = row.stage === "sync after a killed one" ? await this.#killed() : [];
    const packs = await keysIn(vault, `packs/${kept}/`);
    const before = await this.#versions();
    const [pack = ""] = packs;
    await row.inject({ ...attacker, kept: snapshotPrefix(kept), newest: snapshotPrefix(newest), pack, left });
    const { outcome, code, broken = [] } = await this.#command(row.stage, pack);
    const after = new Set((await this.#versions()).map(nameOf));
    // What a killed run has left may go, but not where somebody hides a part of it.
    const mayGo = row.kind.startsWith("a delete marker") ? [] : left;
    const gone = before.filter((one) => !mayGo.includes(one.key) && !after.has(nameOf(one)));
    await attacker.undo();
    const all = [...broken, ...gone.map(({ key }) => `${key} was removed`)];
    for (const set of this.#sets)
      if ((await this.#lab.read(set)).contents.size === 0) all.push(`${set} cannot be read`);
    const falseSuccess = outcome === "success" && (row.outcome !== "success" || all.length > 0);
    return { outcome: falseSuccess ? "false success" : outcome, code, broken: all, falseSuccess };
  }

  async #command(stage: MeddledFilesRow["stage"], pack: string): Promise<Answer> {
    try {
      if (stage === "newest snapshot") {
        await resolveSnapshot(this.#lab.lab.vault, "latest");
        return { outcome: "success", code: undefined };
      }
      if (stage === "retention") return await this.#retention(pack);
      const result = await this.#lab.sync({ acceptShrinkage: true });
      this.#sets[1] = result.set;
      return answerOf(result);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      return { outcome: "failed by name", code: error.code };
    }
  }

  /** Today, when the policy lets nothing go that a kept snapshot names; then when locks are to be extended. */
  async #retention(pack: string): Promise<Answer> {
    const { lab, project } = this.#lab;
    const { policy } = await lab.config(project.backupUrl);
    const verify = (bytes: Uint8Array, armored: string) => verifyDetached(bytes, armored, lab.signers);
    const today = await retainFilesAt({ vault: lab.vault, policy, verify, now: new Date() });
    // By another year in each row, so that there is always something to extend.
    const later = new Date(Date.now() + (29 - this.#turns++ * 0.1) * day);
    const broken = removedBy(today) > 0 ? [`${removedBy(today)} versions were deleted`] : [];
    const then = await retainFilesAt({ vault: lab.vault, policy, verify, now: later });
    const written = (await versionsBelow(lab.vault.transport, pack)).filter(({ marker }) => !marker).at(-1);
    const until = (await retentionOf(lab.vault, pack, written?.versionId))?.until.getTime() ?? 0;
    if (until < later.getTime() + (policy.storage.retention.lockDays / 2) * day) broken.push("a lock was not extended");
    const told = today.alarms.length > 0 && then.alarms.length > 0;
    return { outcome: told ? "damage named" : "success", code: undefined, broken };
  }

  #turns = 0;

  /** What a sync leaves that is killed before it publishes. */
  async #killed(): Promise<string[]> {
    const { vault } = this.#lab.lab;
    const before = new Set(await keysIn(vault));
    const storage = this.#lab.storage.client();
    for (let file = 0; file < 3; file++) {
      const at = { Bucket: this.#like.bucket, Key: `after/${this.#turns++}.bin`, ContentType: this.#like.contentType };
      await storage.send(new PutObjectCommand({ ...at, Body: randomBytes(file === 2 ? 80_000 : 9000) }));
    }
    storage.destroy();
    await this.#lab.sync({ part: { has: () => true }, acceptShrinkage: true });
    return (await keysIn(vault)).filter((key) => !before.has(key) && /^(packs|files|snapshots)\//.test(key));
  }

  async #versions(): Promise<Version[]> {
    const { transport } = this.#lab.lab.vault;
    const found = await Promise.all(
      ["snapshots/", "packs/", "files/"].map((prefix) => versionsBelow(transport, prefix)),
    );
    return found.flat().filter(({ key, marker }) => !marker && !key.includes("/journal/"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.#lab[Symbol.asyncDispose]();
  }
}

const removedBy = ({ removals }: Awaited<ReturnType<typeof retainFilesAt>>): number => removals?.deleted ?? 0;
const nameOf = ({ key, versionId }: Version): string => `${key} ${versionId}`;

function answerOf(result: SyncResult): Answer {
  const { failure } = reportSnapshot(result);
  if (failure === undefined) return { outcome: "success", code: undefined };
  return { outcome: "published, then failed by name", code: failure.code };
}
