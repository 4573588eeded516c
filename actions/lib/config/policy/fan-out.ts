import { z } from "zod";

const GiB = 1024 ** 3;

/**
 * When copying Storage's files is more than one runner can do in its window, `storage-sync` divides it. A runner of GitHub's
 * has six hours; what is here is about two hours' work, so that a slow day still fits.
 */
export const fanOutPolicySchema = z
  .strictObject({
    /** Files that one runner copies; more than that are divided. */
    filesPerRunner: z.number().int().positive().default(500_000),
    /** Bytes that one runner copies; more than that are divided. */
    bytesPerRunner: z
      .number()
      .int()
      .positive()
      .default(200 * GiB),
    /** Runners at the same time, at most: each reads from Supabase with many connections. GitHub takes 256 in a matrix. */
    mostRunners: z.number().int().min(1).max(256).default(8),
  })
  .prefault({});

export type FanOutPolicy = z.output<typeof fanOutPolicySchema>;
