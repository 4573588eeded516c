import { randomUUID } from "node:crypto";
import { LifeboatError } from "../../base/errors.ts";
import type { Vault } from "../s3/client.ts";
import { isConditionFailed } from "../s3/store-errors.ts";
import { deleteVersions } from "../s3/versions.ts";
import { asFact, type Fact, known, unknown } from "./fact.ts";

/** What writing a small object below `probe/` has shown. */
export interface WriteFacts {
  readonly mayWrite: Fact<true>;
  /** Whether the store refuses a second `If-None-Match: *`; without that, neither leases nor manifests are safe. */
  readonly conditionalWrites: Fact<boolean>;
  /** `known` false: a lock or a missing permission kept the probe, and will keep leftovers of failed runs. */
  readonly mayDelete: Fact<boolean>;
}

/** Writes, writes again on the condition that nothing is there, and deletes what it wrote with its version. */
export async function probeWrite(vault: Vault): Promise<WriteFacts> {
  const key = `probe/${randomUUID()}`;
  const retry = { attempts: 3, totalSeconds: 20, stallSeconds: 10 };
  const body = Buffer.from("Written and deleted by `lifeboat check`.\n");
  const versions: { key: string; versionId: string | undefined }[] = [];
  const put = async (): Promise<Fact<true>> => {
    const { versionId } = await vault.put(key, body, { ifNoneMatch: true, contentType: "text/plain", retry });
    versions.push({ key, versionId });
    return known(true);
  };
  const mayWrite = await asFact(put);
  if (mayWrite.state !== "known") {
    const why = "nothing could be written";
    return { mayWrite, conditionalWrites: unknown(why), mayDelete: unknown(why) };
  }
  const conditionalWrites = await asFact(async () => {
    try {
      await put();
      return known(false);
    } catch (error) {
      if (isConditionFailed(error)) return known(true);
      throw error;
    }
  });
  const mayDelete = await asFact(async () => {
    try {
      const { kept } = await deleteVersions(vault.transport, versions);
      return known(kept.length === 0);
    } catch (error) {
      if (error instanceof LifeboatError && error.code === "s3-denied") return known(false);
      throw error;
    }
  });
  return { mayWrite, conditionalWrites, mayDelete };
}
