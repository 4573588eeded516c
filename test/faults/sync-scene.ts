import { PutObjectCommand } from "@aws-sdk/client-s3";
import { expect } from "vitest";
import { openSyncLab, type SyncLab } from "../integration/sync-lab.ts";
import { withClient } from "../lab/index.ts";
import { contentOf, type SeedFile, seedFiles } from "../lab/storage/index.ts";

const seed = { count: 24, bytes: 400_000, seed: 7 };

/** A project with 24 files, small ones that travel in packs and large ones, for what happens to a sync of them. */
export interface SyncScene extends SyncLab {
  readonly files: readonly SeedFile[];
  /** One that travels in a pack. */
  readonly small: SeedFile;
  /** One that travels alone. */
  readonly large: SeedFile;
  /** Does something once, at the moment at which the given file is first asked for. */
  whenAsked(file: SeedFile, work: () => Promise<void>): { readonly done: Promise<void> };
  /** Does something once, when a file other than this one is asked for: the list has been read by then. */
  whenAskedOther(file: SeedFile, work: () => Promise<void>): { readonly done: Promise<void> };
  /** Holds a snapshot to the seed. @param other contents that differ from it, by path */
  expectWhole(set: string, without?: readonly SeedFile[], other?: Record<string, string>): Promise<void>;
  /** Snapshots that have become visible. */
  manifests(): Promise<string[]>;
  versionOf(file: SeedFile): Promise<string>;
  remove(file: SeedFile): Promise<void>;
  seedAgain(file: SeedFile): Promise<void>;
}

export const pathOf = ({ bucket, name }: Pick<SeedFile, "bucket" | "name">): string => `${bucket}/${name}`;

export async function openSyncScene(): Promise<SyncScene> {
  const lab = await openSyncLab({
    policy: (policy) => ({ ...policy, storage: { smallFileBytes: 20_000, packBytes: 100_000, concurrency: 4 } }),
  });
  const files = await seedFiles(lab.project, lab.storage, seed);
  const usual = files.filter(({ name, bytes }) => name.includes("/2025-") && bytes > 0);

  function whenAsked(file: SeedFile, work: () => Promise<void>): { readonly done: Promise<void> } {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let met = false;
    lab.storage.inject({
      kind: "slow",
      times: 1,
      on({ operation, key }) {
        if (met || operation !== "GetObject" || key !== file.name) return false;
        met = true;
        work().then(resolve, reject);
        return true;
      },
    });
    return { done: promise };
  }

  return {
    ...{ ...lab, files, whenAsked },
    small: usual.find(({ bytes }) => bytes < 20_000) ?? never(),
    large: usual.find(({ bytes }) => bytes >= 20_000) ?? never(),
    whenAskedOther: (file, work) => whenAsked(files.find((one) => one !== file && one.bytes > 0) ?? never(), work),
    async expectWhole(set, without = [], other = {}) {
      const { contents } = await lab.read(set);
      const wanted = files.filter((file) => !without.includes(file));
      expect([...contents.keys()].sort()).toEqual(wanted.map(pathOf).sort());
      for (const file of wanted) {
        const changed = other[pathOf(file)];
        const content = changed === undefined ? contentOf(file, seed.seed) : Buffer.from(changed);
        expect(contents.get(pathOf(file))?.equals(content), pathOf(file)).toBe(true);
      }
    },
    async manifests() {
      const found: string[] = [];
      for await (const { key } of lab.lab.vault.list("snapshots/"))
        if (key.endsWith("/manifest.json")) found.push(key.split("/")[1] ?? "");
      return found;
    },
    async versionOf({ bucket, name }) {
      const found = await withClient(lab.project.superuserUrl, (client) =>
        client.query<{ version: string }>("select version from storage.objects where bucket_id = $1 and name = $2", [
          bucket,
          name,
        ]),
      );
      return found.rows[0]?.version ?? never();
    },
    remove: ({ bucket, name }) =>
      lab.sql("delete from storage.objects where bucket_id = $1 and name = $2", [bucket, name]),
    async seedAgain(file) {
      const client = lab.storage.client();
      const Body = contentOf(file, seed.seed);
      await client.send(
        new PutObjectCommand({ Bucket: file.bucket, Key: file.name, Body, ContentType: file.contentType }),
      );
      client.destroy();
    },
  };
}

function never(): never {
  throw new Error("the seed has no such file");
}
