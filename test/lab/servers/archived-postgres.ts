import { execFile } from "node:child_process";
import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { withClient } from "../connection.ts";
import { handOver, serverAccount } from "./account.ts";
import { startGuardian } from "./guardian.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";

/** A cluster whose WAL is archived: it can really be put back to a moment, as Supabase does it. */
export interface ArchivedPostgres extends AsyncDisposable {
  /** As it runs now. Address, superuser and password stay the same over every restore. */
  readonly running: RunningPostgres;
  /** Keeps all of it as it is now: moments before this cannot be reached. Call it when it is filled. */
  keepBase(): Promise<void>;
  /** Stops it: nobody can connect. */
  stop(): Promise<void>;
  /** Starts it again as it was at `moment` (milliseconds since 1970): another postmaster, a new timeline. */
  restoreTo(moment: number): Promise<void>;
}

const run = promisify(execFile);

export async function startArchivedPostgres(major: 15 | 17 = 17): Promise<ArchivedPostgres> {
  const guardian = startGuardian(`archive-${major}`);
  const account = serverAccount();
  handOver(guardian.folder, account);
  const [wal, base] = [join(guardian.folder, "wal"), join(guardian.folder, "base")];
  await mkdir(wal);
  handOver(wal, account);
  const settings = { archive_mode: "on", archive_command: `cp "%p" "${wal}/%f"` };
  const options = { settings, hba: ["host replication all 127.0.0.1/32 scram-sha-256"] };
  let running = await startPostgres(major, options);
  let stopped = false;

  /** Everything until now lies in the archive, and a transaction after it, which a restore to now must see to stop before it. */
  async function archiveAll(): Promise<void> {
    await withClient(running.superuserUrl(), async (client) => {
      await client.query("select pg_current_xact_id()");
      const { rows } = await client.query<{ file: string }>("select pg_walfile_name(pg_switch_wal()) as file");
      for (let waited = 0; waited < 30_000; waited += 20) {
        const archived = await client.query("select last_archived_wal >= $1 as done from pg_stat_archiver", [
          rows[0]?.file,
        ]);
        if (archived.rows[0]?.done === true) return;
        await sleep(20);
      }
      throw new Error("The last WAL was not archived within 30 seconds.");
    });
  }
  async function stop(): Promise<void> {
    if (stopped) return;
    await archiveAll();
    stopped = true;
    await running.stop();
  }
  return {
    get running() {
      return running;
    },
    async keepBase() {
      const url = new URL(running.superuserUrl());
      const where = ["-h", "127.0.0.1", "-p", url.port, "-U", running.superuser];
      const env = { ...process.env, PGPASSWORD: running.password };
      const how = ["-D", base, "-X", "none", "-c", "fast", "--no-sync", "--no-manifest"];
      await run(join(running.binDir, "pg_basebackup"), [...where, ...how], { ...account, env, cwd: guardian.folder });
    },
    stop,
    async restoreTo(moment) {
      await stop();
      const { password, port } = running;
      const recovery = {
        // Nobody is let in before it has arrived.
        ...{ restore_command: `cp "${wal}/%f" "%p"`, recovery_target_action: "promote", hot_standby: "off" },
        // Read before the server knows the names of time zones, `Z` among them.
        recovery_target_time: new Date(moment).toISOString().replace("Z", "+00"),
      };
      const fill = async (folder: string): Promise<void> => {
        await cp(base, folder, { recursive: true, preserveTimestamps: true });
        await writeFile(join(folder, "recovery.signal"), "");
        if (account.uid !== undefined) await run("chown", ["-R", `${account.uid}:${account.gid}`, folder]);
        await chmod(folder, 0o700);
      };
      running = await startPostgres(major, {
        ...options,
        settings: { ...settings, ...recovery },
        from: { password, port, fill },
      });
      stopped = false;
    },
    async [Symbol.asyncDispose]() {
      if (!stopped) await running.stop();
      await guardian.finish();
    },
  };
}
