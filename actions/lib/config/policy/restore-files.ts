import { z } from "zod";

const GiB = 1024 ** 3;

/** How files are brought back into a project. */
export const restoreFilesPolicySchema = z
  .strictObject({
    /** Requests to the target's endpoint at the same time. */
    requestsAtOnce: z.number().int().min(1).max(128).default(16),
    /** Up to so many bytes everything that was restored is read back; above, a twentieth, which the result says. */
    readBackBytes: z
      .number()
      .int()
      .nonnegative()
      .default(20 * GiB),
  })
  .prefault({});

export type RestoreFilesPolicy = z.output<typeof restoreFilesPolicySchema>;
