import { beforeEach, describe, expect, test } from "vitest";
import type { FaultKind } from "../lab/storage/index.ts";
import { openSyncScene, type SyncScene } from "./sync-scene.ts";

let lab: SyncScene;

beforeEach(async () => {
  lab = await openSyncScene();
  return () => lab[Symbol.asyncDispose]();
});

describe("what the endpoint does to an answer is not believed", () => {
  test.each<[string, FaultKind, number]>([
    ["short reads", "short-read", 3],
    ["connections cut in the middle of a file", "reset", 6],
    ["429 for everybody for a while", "slow-down", 12],
    ["500 for everybody for a while", "internal-error", 12],
    ["a slow source", "slow", 8],
    ["spoilt bytes", "corrupt", 2],
  ])("%s: read again, and right in the end", async (_, kind, times) => {
    const ended = lab.storage.inject({ kind, times, on: ({ operation }) => operation === "GetObject" });
    const result = await lab.sync();
    expect(ended()).toBe(times);
    expect(result).toMatchObject({ failure: null, counts: { files: 24, findings: {} } });
    await lab.expectWhole(result.set);
  });

  test("a file that is another each time it is read, under the same row, fails the run", async () => {
    let turn = 0;
    const file = lab.small;
    lab.storage.inject({ kind: "short-read", on: ({ key }) => key === file.name && ++turn % 2 === 0 });
    lab.storage.inject({ kind: "corrupt", on: ({ key }) => key === file.name });
    await expect(lab.sync()).rejects.toMatchObject({ code: "file-unsteady", exitCode: 1 });
    expect(await lab.manifests()).toEqual([]);
  });

  test("an endpoint that gives no file at all fails the run instead of calling all of them lost", async () => {
    lab.storage.inject({ kind: "internal-error", on: ({ operation }) => operation === "GetObject" });
    await expect(lab.sync()).rejects.toMatchObject({ code: "source-unavailable", exitCode: 1 });
    expect(await lab.manifests()).toEqual([]);
  });
});
