import { expect, test } from "vitest";
import { sharedPostgres } from "../lab/servers/started.ts";
import { history, mischiefs } from "./migrations/histories.ts";
import { type Ending, replay } from "./migrations/replay.ts";

/** One of each mischief, unless more are asked for. */
const histories = Number(process.env["LIFEBOAT_MIGRATION_HISTORIES"] ?? mischiefs.length);
const first = Number(process.env["LIFEBOAT_MIGRATION_SEED"] ?? 1);

test(
  `of ${histories} histories of migrations, each with a set at some point, every one comes out like the source or names the file that keeps it from that`,
  async () => {
    const admin = sharedPostgres(17).superuserUrl();
    const endings: Record<Ending, number> = { equal: 0, "named in doubt": 0, "refusal named": 0, "failure named": 0 };
    const wrong: string[] = [];
    let kills = 0;
    for (let seed = first; seed < first + histories; seed += 1) {
      const replayed = await replay(admin, history(seed));
      if ("wrong" in replayed) wrong.push(replayed.wrong);
      else endings[replayed.ending] += 1;
      kills += replayed.kills;
    }
    process.stdout.write(
      `${histories} histories of migrations: ${JSON.stringify(endings)}, ${kills} kills, ${wrong.length} wrong\n`,
    );
    expect(wrong).toEqual([]);
    // Each way to end was met, so that none counts as kept because nothing tried it.
    for (const count of Object.values(endings)) expect(count).toBeGreaterThan(0);
    expect(kills).toBeGreaterThan(0);
  },
  4 * 3_600_000,
);
