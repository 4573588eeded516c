import { z } from "zod";
import { LifeboatError } from "../base/errors.ts";
import { readNote, type SignBytes, writeNote } from "../seal/keys/signature.ts";
import type { VerifySignature } from "../vault/published/signed-manifest.ts";
import type { Vault } from "../vault/s3/client.ts";
import { isConditionFailed, isMissing } from "../vault/s3/store-errors.ts";

const claimSchema = z.strictObject({
  format: z.literal("lifeboat-summary/1"),
  day: z.string(),
  state: z.enum(["claimed", "failed"]),
});

/** Whose claims count: without a trusted signature, anybody who can write the bucket could silence a day. */
interface ClaimKeys {
  readonly sign: SignBytes;
  readonly verify: VerifySignature;
}

/** A day's summary is this run's to send. */
interface Claim {
  /** It reached nobody: the next run may try. */
  release(): Promise<void>;
}

/**
 * Takes a day's summary for this run, by a conditional write into the vault: of several runs only one gets it, and none that
 * comes after it was sent. A claim that no trusted key signed for this day counts as none.
 * @param day `YYYY-MM-DD`
 * @returns undefined when another run has it, or had
 */
export async function claimSummary(
  vault: Pick<Vault, "get" | "head" | "put">,
  day: string,
  { sign, verify }: ClaimKeys,
): Promise<Claim | undefined> {
  const key = `notify/summaries/${day}.json`;
  const write = async (state: "claimed" | "failed", replaced: string | undefined): Promise<string | undefined> => {
    const body = await writeNote(
      { format: "lifeboat-summary/1", day, state } satisfies z.infer<typeof claimSchema>,
      sign,
    );
    const condition = replaced === undefined ? { ifNoneMatch: true } : { ifMatch: replaced };
    try {
      return (await vault.put(key, body, { ...condition, contentType: "application/json" })).etag;
    } catch (error) {
      if (isConditionFailed(error)) return undefined;
      throw error;
    }
  };
  const before = await present(vault, key, day, verify);
  if (before?.state === "claimed") return undefined;
  const etag = await write("claimed", before?.etag);
  if (etag === undefined) return undefined;
  return {
    async release() {
      await write("failed", etag);
    },
  };
}

async function present(
  vault: Pick<Vault, "get" | "head">,
  key: string,
  day: string,
  verify: VerifySignature,
): Promise<{ readonly state: "claimed" | "failed" | "forged"; readonly etag: string } | undefined> {
  try {
    const { body, etag } = await vault.get(key, { maxBytes: 16 * 1024 });
    const note = await readNote(body, verify);
    const claim = note?.trusted === true ? claimSchema.safeParse(note.document).data : undefined;
    return { state: claim?.day === day ? claim.state : "forged", etag };
  } catch (error) {
    if (isMissing(error)) return undefined;
    // Nobody may silence a day by something that is too large to be read.
    const head = error instanceof LifeboatError && error.code === "s3-too-large" ? await vault.head(key) : undefined;
    if (head !== undefined) return { state: "forged", etag: head.etag };
    throw error;
  }
}
