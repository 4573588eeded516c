import { afterAll, beforeAll, expect, test } from "vitest";
import { type BackupLab, openBackupLab } from "../integration/backup-lab.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres, sharedS3 } from "../lab/servers/started.ts";
import { kinds } from "./accidents/kinds.ts";
import { accidentOf, play } from "./accidents/play.ts";
import { makeShop, type Shop } from "./accidents/scene.ts";
import { accidentTools } from "./accidents/tools.ts";

/** One of each kind, unless more are asked for. */
const accidents = Number(process.env["LIFEBOAT_ACCIDENTS"] ?? kinds.length);
const first = Number(process.env["LIFEBOAT_ACCIDENT_SEED"] ?? 0);

const admin = sharedPostgres(17).superuserUrl();
let lab: BackupLab;
let shops: Shop[];

beforeAll(async () => {
  lab = await openBackupLab(sharedS3());
  shops = [await makeShop(admin, `shop_${process.pid}`), await makeShop(admin, `twin_${process.pid}`)];
});
afterAll(async () => {
  for (const { name } of shops ?? []) await execute(admin, `drop database ${name} with (force)`);
  await lab?.[Symbol.asyncDispose]();
});

test(
  `of ${accidents} accidents amid honest writes each is put right: no damage is left that is not named, no edit since is lost, no key is broken, nothing calls out, and undo and redo are exact`,
  async () => {
    const [shop, twin] = shops as [Shop, Shop];
    const tools = await accidentTools(lab, shop, twin);
    const wrong: string[] = [];
    let [conflicts, lost] = [0, 0];
    for (let seed = first; seed < first + accidents; seed += 1) {
      const played = await play(accidentOf(seed), tools);
      wrong.push(...played.wrong.map((one) => `${played.accident}: ${one}`));
      conflicts += played.conflicts;
      lost += [...played.lost.values()].reduce((sum, one) => sum + one, 0);
    }
    process.stdout.write(
      `${accidents} accidents: ${wrong.length} wrong, ${conflicts} conflicts named, ${lost} edits from before counted as lost\n`,
    );
    expect(wrong).toEqual([]);
    // People's edits have met the damage, so that keeping them was tried.
    expect(conflicts).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  },
  4 * 3_600_000,
);
