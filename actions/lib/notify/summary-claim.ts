import { z } from "zod";
import type { Vault } from "../vault/client.ts";
import { isConditionFailed, isMissing } from "../vault/store-errors.ts";

const claimSchema = z.strictObject({ format: z.literal("lifeboat-summary/1"), state: z.enum(["claimed", "failed"]) });

/** A day's summary is this run's to send. */
export interface Claim {
  /** It reached nobody: the next run may try. */
  release(): Promise<void>;
}

/**
 * Takes a day's summary for this run, by a conditional write into the vault: of several runs only one gets it, and none that
 * comes after it was sent.
 * @param day `YYYY-MM-DD`
 * @returns undefined when another run has it, or had
 */
export async function claimSummary(vault: Pick<Vault, "get" | "put">, day: string): Promise<Claim | undefined> {
  const key = `notify/summaries/${day}.json`;
  const write = async (state: "claimed" | "failed", replaced: string | undefined): Promise<string | undefined> => {
    const body = Buffer.from(`${JSON.stringify({ format: "lifeboat-summary/1", state })}\n`);
    const condition = replaced === undefined ? { ifNoneMatch: true } : { ifMatch: replaced };
    try {
      return (await vault.put(key, body, { ...condition, contentType: "application/json" })).etag;
    } catch (error) {
      if (isConditionFailed(error)) return undefined;
      throw error;
    }
  };
  const before = await present(vault, key);
  if (before !== undefined && before.state !== "failed") return undefined;
  const etag = await write("claimed", before?.etag);
  if (etag === undefined) return undefined;
  return {
    async release() {
      await write("failed", etag);
    },
  };
}

async function present(
  vault: Pick<Vault, "get">,
  key: string,
): Promise<{ readonly state: string; readonly etag: string } | undefined> {
  try {
    const { body, etag } = await vault.get(key, { maxBytes: 4096 });
    const claim = claimSchema.safeParse(JSON.parse(Buffer.from(body).toString("utf8")));
    return { state: claim.data?.state ?? "claimed", etag };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
