import { join } from "node:path";
import { formatBytes } from "../../../actions/lib/base/measures.ts";
import { renderText } from "../../../actions/lib/report/page.ts";
import { seedQimma } from "../../../test/lab/index.ts";
import { fillRows, seedFiles, storageSettings } from "../../../test/lab/storage/index.ts";
import { becomeOwner, bucket, filesBucket } from "../../demo/owner.ts";
import { setStage } from "../../demo/stage.ts";
import { type Measured, measure } from "../measured-run.ts";
import { folders, hiddenManifests, type Junk, manifests, notes, proofs, reports, versions } from "./junk.ts";

export interface HostileBench {
  readonly count: number;
  readonly load: number;
  readonly say: (line: string) => void;
  /** Told of everything that must be ended. */
  readonly endings: (() => Promise<void>)[];
}

const cli = join(new URL("../..", import.meta.url).pathname, "lifeboat.ts");

/** How much longer every command takes in a vault that somebody has filled with what looks like ours, step by step. */
export async function benchHostile({ count, load, say, endings }: HostileBench): Promise<void> {
  const stage = await setStage((ending) => endings.push(ending));
  await Promise.all([stage.s3.createBucket(bucket), stage.s3.createBucket(filesBucket)]);
  const owner = await becomeOwner(stage.folder, stage.s3);
  await seedQimma(stage.source.postgresUrl, { bytes: 1_000_000, seed: 1, superuserUrl: stage.source.superuserUrl });
  await seedFiles(stage.source, stage.sourceFiles, { count: 20, bytes: 100_000, seed: 1 });
  await fillRows(stage.source, stage.sourceFiles);
  const env = {
    ...{ ...owner.settings, ...storageSettings(stage.sourceFiles), DATABASE_URL: stage.source.backupUrl },
    ...{ TMPDIR: stage.folder, LIFEBOAT_BASELINES: process.env["LIFEBOAT_BASELINES"] ?? "" },
  };
  const run = (args: readonly string[]): Promise<Measured> =>
    // 1 and 2: what is laid there is found, and said.
    measure({ program: process.execPath, args: [cli, ...args], env, servers: [stage.s3.pid], alsoFine: [1, 2] });
  const [set, files] = await Promise.all([madeBy(run, ["backup", "--tier", "daily"]), undefined]).then(
    async ([made]) => [made, await madeBy(run, ["sync"])] as const,
  );
  const client = stage.s3.client();
  const database: Junk = { client, bucket, count };
  const storage: Junk = { client, bucket: filesBucket, count };
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["nothing laid", async () => {}],
    [
      "folders, proofs, reports, notes",
      () =>
        Promise.all([
          folders(database, "database/daily/").then(() => proofs(database, set)),
          folders(storage, "snapshots/"),
          reports(database, new Date()),
          notes(database),
        ]),
    ],
    [
      "and as many manifests, as many hidden ones",
      async () => {
        await Promise.all([manifests(database, "database/daily/"), manifests(storage, "snapshots/")]);
        await Promise.all([hiddenManifests(database, "database/weekly/"), hiddenManifests(storage, "snapshots/")]);
      },
    ],
    [
      "and versions over the newest manifests",
      () =>
        Promise.all([
          versions(database, `database/daily/${set}/manifest.json`),
          versions(storage, `snapshots/${files}/manifest.json`),
        ]),
    ],
  ];
  const commands: readonly (readonly string[])[] = [
    ["verify", "latest"],
    ["verify", "--files", "latest"],
    ["list", "--newest", "30"],
    ["list"],
    ["list", "--files"],
    ["policy", "check"],
    ["report", "--out", join(stage.folder, "pages")],
    ["retention", "--dry-run"],
    ["sync"],
    ["backup", "--tier", "daily"],
  ];
  const rows: string[][] = [];
  for (const [step, lay] of steps) {
    const begun = performance.now();
    await lay();
    say(`${step}: laid in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
    for (const args of commands) {
      const told = await run(args);
      const cells = [
        ...[step, args.slice(0, 3).join(" ").replace(` ${stage.folder}/pages`, ""), `${told.seconds.toFixed(1)} s`],
        ...[`${told.cpuSeconds.toFixed(1)} s`, `${told.serverCpuSeconds.toFixed(1)} s`, formatBytes(told.peakBytes)],
      ];
      say(cells.join("  "));
      rows.push(cells);
    }
  }
  client.destroy();
  const header = ["in the vault", "command", "wall", "CPU", "CPU of the store", "peak memory"];
  const sentence = `${count} of each kind; the store and the commands share this machine, whose load was ${load.toFixed(1)} before.`;
  console.log(renderText({ title: "A hostile vault", sentence, tables: [{ header, rows }] }).join("\n"));
}

/** The set or snapshot that a command has made. */
async function madeBy(run: (args: readonly string[]) => Promise<Measured>, args: readonly string[]): Promise<string> {
  const { stdout } = await run([...args, "--json"]);
  const made = /"set": ?"([^"]+)"/.exec(stdout)?.[1];
  if (made === undefined) throw new Error(`lifeboat ${args.join(" ")} has made nothing: ${stdout}`);
  return made;
}
