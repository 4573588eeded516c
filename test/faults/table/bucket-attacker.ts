import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import type { Vault } from "../../../actions/lib/vault/s3/client.ts";
import { deleteVersions } from "../../../actions/lib/vault/s3/delete-versions.ts";
import { type Version, versionsBelow } from "../../../actions/lib/vault/s3/versions.ts";

/** Somebody who may write the bucket and delete in it, and whom Object Lock keeps from deleting versions. */
export interface BucketAttacker {
  readonly vault: Vault;
  /** Lays a delete marker over an object, or several. */
  hide(key: string, times?: number): Promise<void>;
  hideAll(prefix: string): Promise<void>;
  /** Puts another version over an object, default: as long as it. */
  replace(key: string, body?: Uint8Array): Promise<void>;
  put(key: string, body: Uint8Array, metadata?: Record<string, string>): Promise<void>;
  /** Takes it all back, as whoever has looked would. */
  undo(): Promise<void>;
}

export function openBucketAttacker(vault: Vault, client: S3Client): BucketAttacker {
  const done: Pick<Version, "key" | "versionId">[] = [];
  const at = { Bucket: vault.bucket };
  const hide = async (key: string, times = 1): Promise<void> => {
    for (let time = 0; time < times; time++) {
      const { VersionId } = await client.send(new DeleteObjectCommand({ ...at, Key: key }));
      done.push({ key, versionId: VersionId });
    }
  };
  const put: BucketAttacker["put"] = async (key, body, metadata = {}) => {
    const put = new PutObjectCommand({ ...at, Key: key, Body: body, Metadata: metadata });
    const { VersionId } = await client.send(put);
    done.push({ key, versionId: VersionId });
  };
  return {
    ...{ vault, hide, put },
    async hideAll(prefix) {
      const keys = new Set((await versionsBelow(vault.transport, prefix)).map(({ key }) => key));
      for (const key of keys) await hide(key);
    },
    async replace(key, body) {
      const bytes = (await vault.head(key))?.bytes ?? 0;
      await put(key, body ?? Buffer.alloc(bytes, "x"));
    },
    async undo() {
      await deleteVersions(vault.transport, done.splice(0));
    },
  };
}
