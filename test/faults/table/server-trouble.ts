import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { execute, withClient } from "../../lab/index.ts";

/** Takes every connection that the server still has, the reserved ones too. */
export async function crowd(superuserUrl: string): Promise<pg.Client[]> {
  const clients: pg.Client[] = [];
  for (;;) {
    const client = new pg.Client({ connectionString: superuserUrl });
    client.on("error", () => {});
    try {
      await client.connect();
    } catch {
      return clients;
    }
    clients.push(client);
  }
}

/** Kills a server process: the server ends every session and recovers, as after a crash. Resolves when it is back. */
export async function killBackend(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query("select pg_backend_pid() as pid");
    process.kill(Number(rows[0]?.pid), "SIGKILL");
  });
  for (let attempt = 1; ; attempt++) {
    await delay(100);
    const gone = await execute(url, "select 1").then(
      () => undefined,
      (error: unknown) => error,
    );
    if (gone === undefined) return;
    if (attempt === 200) throw gone;
  }
}

/** The first child of this name that this process starts. */
export async function firstChild(name: string): Promise<number> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    for (const task of readdirSync("/proc/self/task")) {
      const children = readFileSync(`/proc/self/task/${task}/children`, "utf8")
        .split(" ")
        .filter((pid) => pid.trim());
      const found = children.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name);
      if (found !== undefined) return Number(found);
    }
    await delay(10);
  }
  throw new Error(`No ${name} was started.`);
}
