import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { recordingLog } from "../integration/backup-lab.ts";
import { cutLink } from "../lab/monitor/cut-link.ts";
import { links } from "../lab/monitor/links.ts";
import { SilenceScene } from "../lab/monitor/silence-scene.ts";
import { openWatchedVault, type WatchedVault } from "../lab/monitor/watched-project.ts";
import { sharedS3 } from "../lab/servers/started.ts";

let vault: WatchedVault;
beforeAll(async () => {
  vault = await openWatchedVault({ ...inject("lab").s3, ...sharedS3() });
});
afterAll(() => vault?.[Symbol.asyncDispose]());

describe("of the links between a fault and people, the page and one other channel are red when", () => {
  test.each(links.map((link) => [link.cut, link] as const))("%s", async (_, link) => {
    await vault.inOrder();
    const log = recordingLog();
    await using scene = await SilenceScene.open(vault, log);
    const { before, after } = await cutLink(scene, link);
    const said = inspect({ before, after, heard: scene.heard, log: log.lines }, { depth: 4 });
    expect(before, said).toMatchObject({ pageRed: false, elsewhereRed: false });
    expect(after, said).toMatchObject({ pageRed: true, elsewhereRed: true });
  });

  test("there are twenty", () => {
    expect(new Set(links.map(({ cut }) => cut)).size).toBe(20);
  });
});
