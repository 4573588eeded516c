import { z } from "zod";
import { LifeboatError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import type { Log } from "../../base/log.ts";
import { type ManagementApi, projectPath } from "../management-api.ts";
import { patiently } from "./wait.ts";

const diskSchema = z.object({ attributes: z.object({ type: z.string().optional(), size_gb: z.number() }).loose() });
const utilSchema = z.object({ metrics: z.object({ fs_size_bytes: z.number() }) });
const GB = 1024 ** 3;
/** A file system has a little less than its disk. */
const shrinkage = 0.9;

/**
 * Enlarges a project's disk, once: a second change is refused for hours. What is large enough stays as it is.
 * @returns gigabytes that it has or was asked for
 * @throws what the client throws, when the disk is too small and could not be enlarged
 */
export async function enlargeDisk(
  api: ManagementApi,
  ref: string,
  gigabytes: number,
  waiting: { readonly clock: Clock; readonly log: Log; readonly signal: AbortSignal },
): Promise<number> {
  const path = projectPath(ref, "/config/disk");
  const { attributes } = await api.get(path, diskSchema);
  if (attributes.size_gb < gigabytes) {
    const change = { attributes: { type: "gp3", size_gb: gigabytes, iops: 3000 } };
    await api.send("POST", path, change).catch(async (error: unknown) => {
      // Its answer may have been lost, or an earlier run has asked already: what the disk is counts.
      const now = await api.get(path, diskSchema);
      if (now.attributes.size_gb < gigabytes) throw error;
    });
  } else waiting.log.info(`The disk has ${attributes.size_gb} GB already.`);
  await patiently("the disk", waiting, async () => {
    try {
      const { metrics } = await api.get(`${path}/util`, utilSchema);
      const has = metrics.fs_size_bytes / GB;
      return has >= gigabytes * shrinkage ? undefined : `${has.toFixed(1)} of ${gigabytes} GB`;
    } catch (error) {
      if (error instanceof LifeboatError && ["api-missing", "api-refused"].includes(error.code))
        return "its size cannot be read yet";
      throw error;
    }
  });
  return Math.max(gigabytes, attributes.size_gb);
}
