import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { LifeboatError } from "../../../actions/lib/base/errors.ts";
import { silentLog } from "../../../actions/lib/base/log.ts";
import { parseConnectionUrl } from "../../../actions/lib/config/connection-url.ts";
import { bringUpToDate, type MigrationResult } from "../../../actions/lib/operations/migrate/bring-up-to-date.ts";
import { connect } from "../../../actions/lib/postgres/connect/connect.ts";
import { compareDatabases } from "../../lab/compare/compare-databases.ts";
import { type Facts, readFacts } from "../../lab/compare/read-facts.ts";
import { urlFor, withClient } from "../../lab/connection.ts";
import { randomFrom } from "../../lab/random.ts";
import type { History, Written } from "./histories.ts";

/** How it came out: like the source to the last row, or with the file named that keeps it from that. */
export type Ending = "equal" | "named in doubt" | "refusal named" | "failure named";

export type Replayed = { readonly kills: number } & ({ readonly ending: Ending } | { readonly wrong: string });

const historyTable = `create schema supabase_migrations;
  create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text)`;

/**
 * Makes a source by its migrations, takes its state at some point for a restored set, goes on at the source, brings the restored
 * one up to date by the folder, and compares both by code that is none of Lifeboat's.
 * @returns `wrong` when it came out otherwise and nobody said so, or another file was blamed
 */
export async function replay(admin: string, story: History): Promise<Replayed> {
  const [source, restored] = [`mig_s_${process.pid}_${story.seed}`, `mig_r_${process.pid}_${story.seed}`];
  const [sourceUrl, restoredUrl] = [urlFor(admin, { database: source }), urlFor(admin, { database: restored })];
  const folder = await mkdtemp(join(tmpdir(), "lifeboat-migrations-"));
  try {
    await withClient(admin, (client) => client.query(`create database ${source} template template0`));
    await withClient(sourceUrl, (client) => client.query(historyTable));
    for (const one of story.written.slice(0, story.inSet)) await atSource(sourceUrl, one);
    await withClient(admin, (client) => client.query(`create database ${restored} template ${source}`));
    for (const one of story.written.slice(story.inSet)) if (one.fails === undefined) await atSource(sourceUrl, one);
    for (const { file, sql } of story.folder) await writeFile(join(folder, file), sql);
    const killer = new Killer(story, restoredUrl, admin);
    return { ...(await judge(story, { sourceUrl, restoredUrl, folder, killer })), kills: killer.kills };
  } finally {
    await rm(folder, { recursive: true });
    for (const name of [source, restored]) {
      await withClient(admin, (client) => client.query(`drop database if exists ${name} with (force)`));
    }
  }
}

/** As the source applied it, each in a session of its own; the history notes the statements, or the file as one. */
async function atSource(url: string, one: Written): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(one.alone ? one.sql : `begin;${one.sql}\n;commit`).catch((error: unknown) => {
      throw new Error(`The source itself could not apply ${one.file}: ${one.sql}`, { cause: error });
    });
    const noted = one.version.endsWith("300") ? [one.sql] : one.statements;
    const [, name = ""] = /^\d+_(.*)\.sql$/.exec(one.file) ?? [];
    await client.query("insert into supabase_migrations.schema_migrations values ($1, $2, $3)", [
      one.version,
      noted,
      name,
    ]);
  });
}

interface Scene {
  readonly sourceUrl: string;
  readonly restoredUrl: string;
  readonly folder: string;
  readonly killer: Killer;
}

async function judge(story: History, scene: Scene): Promise<{ readonly ending: Ending } | { readonly wrong: string }> {
  const before = await readFacts(scene.restoredUrl);
  const came = await untilDone(scene);
  const differences = await unlike(scene.sourceUrl, scene.restoredUrl);
  const named = (text: string): boolean => story.named !== undefined && text.includes(story.named);
  if (came instanceof LifeboatError) {
    const broken = story.written.find(({ fails }) => fails !== undefined);
    if (!named(came.message) || (broken !== undefined && broken.fails?.test(came.message) !== true)) {
      return wrong(story, `it refuses for another reason: ${came.message}`);
    }
    if (/secret|a;b/.test(`${came.message} ${came.next}`)) return wrong(story, `it quotes rows: ${came.message}`);
    // What refuses before the first write has written nothing; what fails leaves what the source had before it.
    const left = came.exitCode === 2 ? differing(before, await readFacts(scene.restoredUrl)) : differences;
    if (left.length > 0) return wrong(story, `a refused migration left something: ${left.join("\n")}`);
    return { ending: came.exitCode === 2 ? "refusal named" : "failure named" };
  }
  const doubts = came.findings.filter(({ severity }) => severity === "doubt");
  if (came.outcome === "current" && differences.length > 0) return wrong(story, `SILENT: ${differences.join("\n")}`);
  if (came.outcome === "current" && story.named !== undefined) return wrong(story, "nothing is named");
  if (came.outcome === "doubtful" && !doubts.some(({ file }) => named(file) || named(`${file}.sql`))) {
    return wrong(story, `it doubts another file: ${JSON.stringify(doubts)}`);
  }
  // What is in doubt is named; everything else has come out as at the source.
  if (story.mischief !== "late" && differences.length > 0) return wrong(story, differences.join("\n"));
  return { ending: came.outcome === "current" ? "equal" : "named in doubt" };
}

/** Runs it, again after each kill. */
async function untilDone({ restoredUrl, folder, killer }: Scene): Promise<MigrationResult | LifeboatError> {
  for (;;) {
    const open = () => connect(parseConnectionUrl(restoredUrl), { applicationName: "lifeboat/test" });
    try {
      return await bringUpToDate(
        { source: { folder }, own: [] },
        { connect: async () => killer.watch(await open()), databaseUrl: undefined, env: {}, log: silentLog },
      );
    } catch (error) {
      if (killer.struck) continue;
      if (error instanceof LifeboatError) return error;
      throw error;
    }
  }
}

/** Ends the session before or after one of its statements, by chance, several times in a row. */
class Killer {
  kills = 0;
  struck = false;
  readonly #random: () => number;
  readonly #admin: string;
  readonly #most: number;

  constructor(story: History, _url: string, admin: string) {
    this.#random = randomFrom(story.seed);
    this.#admin = admin;
    this.#most = story.mischief === "killed" ? 4 : 0;
  }

  async watch(client: Client): Promise<Client> {
    this.struck = false;
    if (this.kills >= this.#most) return client;
    const pid = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const [at, after] = [4 + Math.floor(this.#random() * 24), this.#random() < 0.5];
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    const strike = async (): Promise<void> => {
      this.struck = true;
      this.kills += 1;
      await withClient(this.#admin, (one) => one.query("select pg_terminate_backend($1, 5000)", [pid.rows[0]?.pid]));
    };
    let count = 0;
    const killing = async (...given: unknown[]): Promise<unknown> => {
      count += 1;
      if (count === at && !after) await strike();
      const answer = await query(...given);
      if (count !== at || !after) return answer;
      await strike();
      throw new Error("Connection terminated unexpectedly");
    };
    return Object.assign(client, { query: killing });
  }
}

/** What differs, the history by versions and names: how a text was cut into statements is nobody's business. */
async function unlike(source: string, restored: string): Promise<string[]> {
  const noted = (url: string) =>
    withClient(url, async (client) => {
      const rows = await client.query(
        "select version, name from supabase_migrations.schema_migrations order by version",
      );
      return JSON.stringify(rows.rows);
    });
  const [left, right] = [await noted(source), await noted(restored)];
  const others = await compareDatabases(source, restored);
  return [
    ...others.filter((line) => !/^rows \S*schema_migrations/.test(line)),
    ...(left === right ? [] : [`history: ${left} / ${right}`]),
  ];
}

function differing(left: Facts, right: Facts): string[] {
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].filter((key) => left.get(key) !== right.get(key));
}

function wrong({ seed, mischief }: History, what: string): { readonly wrong: string } {
  return { wrong: `History ${seed} (${mischief}): ${what}` };
}
