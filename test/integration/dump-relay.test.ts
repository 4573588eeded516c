import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect as connectTo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wholeOf } from "../../actions/lib/base/flow/chunks.ts";
import { silentLog } from "../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { type ChildEnvironment, childEnvironment } from "../../actions/lib/postgres/connect/client-tools.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { Foresight } from "../../actions/lib/postgres/dump/conversation.ts";
import { runPgDump, schemaArguments } from "../../actions/lib/postgres/dump/pg-dump.ts";
import { openRelay } from "../../actions/lib/postgres/dump/relay.ts";
import type { Inventory } from "../../actions/lib/postgres/inventory/model.ts";
import { readInventory } from "../../actions/lib/postgres/inventory/read.ts";
import { type LockedSnapshot, takeLockedSnapshot } from "../../actions/lib/postgres/snapshot/snapshot.ts";
import { readCases } from "../lab/cases/read-case.ts";
import { createProject, execute, type LabProject, seedQimma } from "../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../lab/servers/postgres.ts";

const cases = (await readCases(new URL("../cases/", import.meta.url).pathname)).filter(
  // A database with a subscription cannot be dropped.
  ({ alone, real, named, name }) => !alone && !real && named.failed.length === 0 && name !== "subscription",
);

const run = promisify(execFile);

/** A way to the server that counts how often somebody answers whom he has waited for. */
async function countingWay(port: number) {
  let turns = 0;
  const listener = createServer((client) => {
    const server = connectTo(port, "127.0.0.1");
    let last = server;
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
      from.on("data", (chunk) => {
        if (last !== from) turns += 1;
        last = from;
        to.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    turns: () => turns,
    close: () => listener.close(),
  };
}

describe.each([15, 17] as const)("pg_dump over the relay, PostgreSQL %i", (major) => {
  let server: RunningPostgres;
  let project: LabProject;
  let inventory: Inventory;
  let snapshot: LockedSnapshot;
  let way: Awaited<ReturnType<typeof countingWay>>;
  let child: ChildEnvironment;
  let folder: string;
  const settings = () => {
    const url = new URL(project.superuserUrl);
    url.port = String(way.port);
    return parseConnectionUrl(url.href);
  };

  beforeAll(async () => {
    // Of its own: the cases make roles that other tests make, too.
    server = await startPostgres(major);
    project = await createProject(server.superuserUrl(), `relay_${major}_${process.pid}`);
    await seedQimma(project.postgresUrl, { bytes: 300_000, seed: 5, superuserUrl: project.superuserUrl });
    for (const { steps, source } of cases) {
      if ((source ?? major) !== major) continue;
      for (const { as, sql } of steps)
        await execute(as === "postgres" ? project.postgresUrl : project.superuserUrl, sql);
    }
    way = await countingWay(Number(new URL(project.superuserUrl).port));
    const holder = await connect(settings(), { applicationName: "lifeboat/snapshot" });
    snapshot = await takeLockedSnapshot(holder, 30, silentLog);
    inventory = await readInventory(holder);
    child = await childEnvironment(settings(), { applicationName: "lifeboat/dump" });
    folder = await mkdtemp(join(tmpdir(), "lifeboat-relay-test-"));
  });
  afterAll(async () => {
    await snapshot.client.end();
    await child[Symbol.asyncDispose]();
    way.close();
    await rm(folder, { recursive: true });
    await server.stop();
  });

  const dumpBy = async (env: Readonly<Record<string, string>>, id = snapshot.id) => {
    const before = way.turns();
    const { signal } = new AbortController();
    const program = join(server.binDir, "pg_dump");
    const dump = { program, env: { ...child.env, ...env }, snapshot: id, lockWaitSeconds: 30, signal };
    const archive = await wholeOf(runPgDump(dump, schemaArguments(), "the schema"));
    return { archive, turns: way.turns() - before };
  };
  const relayed = async (foresight: Foresight, id?: string) => {
    const session = await connect(settings(), { applicationName: "lifeboat/dump" });
    try {
      await using relay = await openRelay(session, child.folder, foresight);
      return await dumpBy(relay.env, id);
    } finally {
      await session.end();
    }
  };
  /** All that an archive says, but when it was made and what psql is to be asked for. */
  const textOf = async (archive: Uint8Array): Promise<string> => {
    const file = join(folder, "archive");
    await writeFile(file, archive);
    const { stdout } = await run(join(server.binDir, "pg_restore"), ["--verbose", "-f", "-", file], {
      maxBuffer: 1e9,
      encoding: "latin1",
    });
    return stdout.replaceAll(/^(?:\\(?:un)?restrict|-- (?:Started|Completed) on) .*$/gm, "");
  };

  test("writes what it writes by itself, and waits for the server less than half as often", async () => {
    const alone = await dumpBy({});
    const ours = await relayed(new Foresight(inventory.objects));
    expect(ours.archive.length).toBe(alone.archive.length);
    expect(await textOf(ours.archive)).toBe(await textOf(alone.archive));
    expect(ours.turns).toBeLessThan(alone.turns / 2);
  });

  test("writes the same where what was foreseen is wrong or an error", async () => {
    const tooLarge = inventory.objects.map((object, at) => (at % 3 === 0 ? { ...object, oid: "9999999999" } : object));
    const ours = await relayed(new Foresight(tooLarge));
    expect(await textOf(ours.archive)).toBe(await textOf((await dumpBy({})).archive));
  });

  test("fails by the server's own refusal", async () => {
    const dumping = relayed(new Foresight(inventory.objects), "00000000-00000001-9");
    await expect(dumping).rejects.toMatchObject({
      code: "dump-failed",
      message: expect.stringContaining("the snapshot is gone"),
    });
  });

  test("fails when the server hangs up", async () => {
    const session = await connect(settings(), { applicationName: "lifeboat/dump" });
    await using relay = await openRelay(session, child.folder, new Foresight(inventory.objects));
    const dumping = dumpBy(relay.env);
    const failed = expect(dumping).rejects.toMatchObject({
      code: "dump-failed",
      message: expect.stringContaining("the connection was lost"),
    });
    await execute(
      server.superuserUrl(),
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifeboat/dump' and datname = '${project.name}'`,
    );
    await failed;
    await session.end();
  });
});
