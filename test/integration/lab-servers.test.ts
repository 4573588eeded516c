import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { measureLink } from "../../scripts/bench/link.ts";
import { withClient } from "../lab/index.ts";
import { startLink } from "../lab/servers/link.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";

describe("the lab's servers", () => {
  test.each([15, 17] as const)("PostgreSQL %i answers as the version that it was started as", async (major) => {
    const version = await withClient(sharedPostgres(major).superuserUrl(), async (client) => {
      const { rows } = await client.query<{ version: string }>("select current_setting('server_version') as version");
      return rows[0]?.version;
    });
    expect(version).toMatch(new RegExp(`^${major}\\.`));
  });

  test("the S3 server makes a bucket with versioning and object lock", async () => {
    const s3 = sharedS3();
    await s3.createBucket("lab-servers-locked");
    const client = s3.client();
    const { Buckets } = await client.send(new ListBucketsCommand({}));
    client.destroy();
    expect(Buckets?.map((bucket) => bucket.Name)).toContain("lab-servers-locked");
  });

  test("a link to them is as long and as narrow as it is asked to be, to connect too", async () => {
    const [url, s3] = [sharedPostgres(17).superuserUrl(), sharedS3()];
    const over = async (roundTripMs: number, bytesPerSecond: number) => {
      const link = await startLink({ roundTripMs, bytesPerSecond }, [url, s3.endpoint]);
      try {
        const endpoint = link.through(s3.endpoint);
        const begun = performance.now();
        expect((await fetch(`${endpoint}/status`)).status).toBe(200);
        const connectMs = performance.now() - begun;
        return { connectMs, ...(await measureLink(link.through(url), { roundTripMs, bytesPerSecond })) };
      } finally {
        await link.stop();
      }
    };
    const [near, far] = [await over(25, 8e6), await over(100, 2e6)];
    expect(near.roundTripMs).toBeGreaterThan(24);
    expect(near.bytesPerSecond).toBeLessThan(8.2e6);
    for (const ratio of [far.roundTripMs / near.roundTripMs, near.bytesPerSecond / far.bytesPerSecond]) {
      expect(ratio).toBeGreaterThan(3);
      expect(ratio).toBeLessThan(5);
    }
    // One to connect, one for the answer; how busy the machine is comes on top.
    expect(far.connectMs / far.roundTripMs).toBeGreaterThan(1.9);
  });

  test.each(["SIGKILL", "SIGINT"] as const)("a server and its folder go when its starter gets %s", async (signal) => {
    const program = `
      const { startPostgres } = await import(${JSON.stringify(new URL("../lab/servers/postgres.ts", import.meta.url).href)});
      const server = await startPostgres(17);
      console.log(JSON.stringify({ pid: server.pid, log: server.logFile }));
      setInterval(() => {}, 1000);`;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(starter.stdout, "data");
    const { pid, log } = JSON.parse(String(line));
    expect(existsSync(log)).toBe(true);
    starter.kill(signal);
    for (let tries = 0; tries < 200 && (isAlive(pid) || existsSync(log)); tries++) await sleep(50);
    expect([isAlive(pid), existsSync(log)]).toEqual([false, false]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
