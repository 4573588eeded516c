import { z } from "zod";
import { OperationError } from "../../../base/errors.ts";
import { openWhole, sealWhole } from "../../../seal/body/artifact.ts";
import type { UnlockedKey } from "../../../seal/keys/private-key.ts";
import { deriveIndexKey, type SessionKey } from "../../../seal/keys/session-key.ts";
import type { FileEntry } from "../../../vault/format/file-entry.ts";
import type { Vault } from "../../../vault/s3/client.ts";
import { isMissing } from "../../../vault/s3/store-errors.ts";

const count = z.number().int().nonnegative();

/** What the jobs of a divided run have to know of each other. */
const planSchema = z.strictObject({
  format: z.literal("lifeboat-files-plan/1"),
  /** When the list was read. */
  listedAt: z.iso.datetime(),
  parts: z.array(z.strictObject({ files: count, bytes: count })).min(1),
});
export type FanOutPlan = z.output<typeof planSchema>;
const storedPlanSchema = planSchema.extend({ carriedOut: z.boolean() });

/** A file of a part: what else is to be known of it, the list of then says. */
export type PlannedFile = Pick<FileEntry, "bucket" | "name">;
const plannedFileSchema = z.tuple([z.string(), z.string()]);

const partResultSchema = z.strictObject({
  format: z.literal("lifeboat-files-part/1"),
  part: z.number().int().positive(),
  /** Files that are in the vault now, those of an earlier attempt included. */
  filesCopied: count,
  bytesCopied: count,
  /** Bytes read from the source. */
  egressBytes: count,
});
export type PartResult = z.output<typeof partResultSchema>;
/** Of which plan it is a part: a run that is tried again after its end makes another. */
const storedResultSchema = partResultSchema.extend({ listedAt: planSchema.shape.listedAt });

/**
 * The plan of one divided run and what became of its parts, in the vault, sealed with a key that whoever signs can derive.
 *
 *     fan-out/<run>/plan.pgp             how many parts, written last: a plan without it does not exist
 *     fan-out/<run>/part-001.pgp         the files of one part
 *     fan-out/<run>/part-001.done.pgp    it has been copied
 */
export interface PlanStore {
  write(plan: FanOutPlan, parts: readonly (readonly PlannedFile[])[]): Promise<void>;
  /** Undefined when there is none, or none that is still to be carried out. @throws OperationError as `openWhole` */
  read(): Promise<FanOutPlan | undefined>;
  /** @throws OperationError `plan-missing` */
  files(part: number): Promise<PlannedFile[]>;
  done(plan: FanOutPlan, result: PartResult): Promise<void>;
  /** Of the parts that are done, by number. */
  results(plan: FanOutPlan): Promise<Map<number, PartResult>>;
  /** Notes that it was carried out. What lies there is of no use any more: retention removes it. */
  close(plan: FanOutPlan): Promise<void>;
}

/** @param run names it for all its jobs, e.g. GitHub's run id */
export function openPlanStore(vault: Vault, run: string, signing: UnlockedKey): PlanStore {
  const prefix = `fan-out/${run}/`;
  const key = deriveIndexKey(signing, `fan-out ${run}`);
  const partName = (part: number): string => `${prefix}part-${String(part).padStart(3, "0")}`;
  const put = async (name: string, text: string): Promise<void> => {
    await vault.put(name, await sealWhole(Buffer.from(text), key));
  };
  const putPlan = (plan: FanOutPlan, carriedOut: boolean): Promise<void> =>
    put(`${prefix}plan.pgp`, JSON.stringify(storedPlanSchema.parse({ ...plan, carriedOut })));
  return {
    async write(plan, parts) {
      for (const [index, files] of parts.entries()) await put(`${partName(index + 1)}.pgp`, linesOf(files));
      await putPlan(plan, false);
    },
    async read() {
      const text = await readText(vault, `${prefix}plan.pgp`, key);
      if (text === undefined) return undefined;
      const { carriedOut, ...plan } = storedPlanSchema.parse(JSON.parse(text));
      return carriedOut ? undefined : plan;
    },
    async files(part) {
      const text = await readText(vault, `${partName(part)}.pgp`, key);
      if (text === undefined) throw planMissing(run, part);
      return text.split("\n").flatMap((line) => {
        if (line === "") return [];
        const [bucket, name] = plannedFileSchema.parse(JSON.parse(line));
        return [{ bucket, name }];
      });
    },
    done: ({ listedAt }, result) =>
      put(`${partName(result.part)}.done.pgp`, JSON.stringify(storedResultSchema.parse({ ...result, listedAt }))),
    async results(plan) {
      const found = new Map<number, PartResult>();
      for (const part of plan.parts.keys()) {
        const text = await readText(vault, `${partName(part + 1)}.done.pgp`, key);
        if (text === undefined) continue;
        const { listedAt, ...result } = storedResultSchema.parse(JSON.parse(text));
        if (listedAt === plan.listedAt) found.set(part + 1, result);
      }
      return found;
    },
    close: (plan) => putPlan(plan, true),
  };
}

function linesOf(files: readonly PlannedFile[]): string {
  return files.map(({ bucket, name }) => `${JSON.stringify([bucket, name])}\n`).join("");
}

async function readText(vault: Vault, name: string, key: SessionKey): Promise<string | undefined> {
  const found = await vault.get(name, { maxBytes: 512 * 1024 * 1024 }).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  return (await openWhole(found.body, key)).toString("utf8");
}

export function planMissing(run: string, part?: number): OperationError {
  return new OperationError(
    "plan-missing",
    `The vault has no plan of run ${run}${part === undefined ? "" : ` for part ${part}`}.`,
    "It was carried out already, or another run has cleaned up after it: start a new run.",
  );
}
