import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { describe, expect, test } from "vitest";
import { withClient } from "../lab/index.ts";
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
