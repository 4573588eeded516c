import type { RestoreResult } from "../../../actions/lib/operations/restore/result.ts";
import { type BackupLab, backUp, openBackupLab } from "../../integration/backup-lab.ts";
import { restoreInto, told } from "../../integration/restore-lab.ts";
import { createProject, execute, withClient } from "../../lab/index.ts";
import { type RunningPostgres, startPostgres } from "../../lab/servers/postgres.ts";
import { sharedS3 } from "../../lab/servers/started.ts";
import { type NamedListener, startNamedListener } from "./named-listener.ts";
import type { FaultRow, Seen } from "./row.ts";
import { watchedLog } from "./watched-log.ts";

export type TargetKind = "supabase" | "plain";

export interface HostileRow extends FaultRow<undefined, undefined> {
  readonly target: TargetKind;
  /** Each way has a schema of its own, and calls by its name. */
  readonly schema: string;
  readonly lay: string;
  readonly named: RegExp | undefined;
  readonly wakes: boolean;
  /** The way belongs to a role of its name, that may do nothing else, and wants to be more. */
  readonly low: boolean;
}

/** Calls by the http extension, whatever comes of it; immutable as far as PostgreSQL is told. */
const knocker = (schema: string, port: number): string => `
  create schema ${schema};
  create function ${schema}.knock(t text) returns text language plpgsql immutable as $$ begin
    begin
      perform extensions.http_get('http://127.0.0.1:${port}/${schema}');
    exception when others then null; end;
    return upper(t);
  end $$;`;

/** Makes the role more than it is, where whoever runs it may; immutable as far as PostgreSQL is told. */
const riser = (schema: string): string => `
  create schema ${schema} authorization ${schema};
  set role ${schema};
  create function ${schema}.try(word text) returns text language plpgsql as $$ begin
    begin alter role ${schema} createdb createrole; exception when others then null; end;
    begin alter role ${schema} superuser; exception when others then null; end;
    return upper(word);
  end $$;
  create function ${schema}.rise(word text) returns text language sql immutable as $$ select ${schema}.try(word) $$;`;

/** What the platform has, or its owner switched on, before anything is restored. */
const extensions = "create extension if not exists http schema extensions;";

/** One source with all ways in it, restored once into each kind of target. */
export class HostileSourceScene implements AsyncDisposable {
  readonly #lab: BackupLab;
  readonly #clusters: readonly RunningPostgres[];
  readonly #listener: NamedListener;
  readonly #restored = new Map<TargetKind, Restored>();

  private constructor(lab: BackupLab, clusters: readonly RunningPostgres[], listener: NamedListener) {
    this.#lab = lab;
    this.#clusters = clusters;
    this.#listener = listener;
  }

  static async open(rows: readonly HostileRow[], major: 15 | 17): Promise<HostileSourceScene> {
    const [lab, listener, from, to] = await Promise.all([
      openBackupLab(sharedS3()),
      startNamedListener(),
      startPostgres(major),
      startPostgres(major),
    ]);
    const scene = new HostileSourceScene(lab, [from, to], listener);
    const source = await createProject(from.superuserUrl(), "source");
    await execute(source.superuserUrl, extensions);
    for (const { schema, lay, low } of new Map(rows.map((row) => [row.schema, row])).values()) {
      const sql = lay
        .replaceAll("$schema", schema)
        .replaceAll("$knock", `${schema}.knock`)
        .replaceAll("$rise", `${schema}.rise`);
      if (low) {
        // As on Supabase, where postgres makes roles, and administers what it has made.
        await execute(source.postgresUrl, `create role ${schema} nologin`);
        await execute(source.superuserUrl, `${riser(schema)} ${sql}`);
      } else await execute(source.postgresUrl, `${knocker(schema, listener.port)} ${sql}`);
    }
    await backUp(lab, source.backupUrl, { tier: "weekly" });
    for (const target of new Set(rows.map((row) => row.target))) {
      scene.#restored.set(target, await scene.#restore(target, to));
    }
    return scene;
  }

  async #restore(kind: TargetKind, to: RunningPostgres): Promise<Restored> {
    const project = kind === "supabase" ? await createProject(to.superuserUrl(), "copy") : undefined;
    if (project === undefined) await execute(to.superuserUrl(), "create database plain");
    else await execute(project.superuserUrl, extensions);
    const url = project?.postgresUrl ?? to.superuserUrl("plain");
    this.#listener.clear();
    const log = watchedLog();
    const result = await restoreInto(this.#lab, url, { log });
    // What comes by itself in any copy, sooner or later.
    await execute(project?.superuserUrl ?? url, "analyze");
    const called = this.#listener.names;
    const { rows } = await withClient(to.superuserUrl(), (client) =>
      client.query<{ name: string }>(
        "select rolname as name from pg_roles where rolname ~ '^way_' and (rolcreaterole or rolcreatedb or rolsuper)",
      ),
    );
    const risen = rows.map(({ name }) => name);
    for (const name of risen)
      await execute(to.superuserUrl(), `alter role ${name} nosuperuser nocreatedb nocreaterole`);
    const dry = log.lines.find((line) => line.includes("while rows come in") || line.includes("loads rows")) ?? "";
    return { url, result, called, risen, said: dry };
  }

  async run({ target, schema, named, wakes, low }: HostileRow): Promise<Seen> {
    const restored = this.#restored.get(target);
    if (restored === undefined) throw new Error(`nothing was restored into ${target}`);
    const { url, result, called, risen, said } = restored;
    const failed = told(result, "failed").filter((line) => line.includes(schema));
    const broken = called.includes(schema) ? ["it called out"] : [];
    if (low) {
      // What PostgreSQL runs as whoever loads rows is told before anything is touched.
      const isNamed = named !== undefined && said.includes(`${schema}.`);
      if (risen.includes(schema) && !isNamed) broken.push("its role was raised");
      if (named !== undefined && !(isNamed && named.test(said))) broken.push("it is not named");
      return seen(result, failed, broken);
    }
    const statements = result.switchedOff.filter(({ what }) => what.includes(schema));
    if (named !== undefined && !statements.some(({ what }) => named.test(what))) broken.push("it is not named");
    this.#listener.clear();
    for (const { on } of statements) {
      await execute(url, on).catch((error: unknown) => broken.push(`${on}: ${String(error)}`));
    }
    if (wakes && this.#listener.calls(schema) === 0) broken.push("what was printed did not bring it back");
    return seen(result, failed, broken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#clusters.map((cluster) => cluster.stop()));
    await this.#lab[Symbol.asyncDispose]();
  }
}

function seen({ outcome }: RestoreResult, failed: readonly string[], broken: readonly string[]): Seen {
  return {
    ...{ outcome: failed.length === 0 ? "success" : "differs by name", code: undefined },
    ...{ broken, falseSuccess: outcome === "equal" && broken.length > 0 },
  };
}

interface Restored {
  readonly url: string;
  readonly result: RestoreResult;
  /** Names that were called by while the copy was made. */
  readonly called: readonly string[];
  /** Roles that are more than they were. */
  readonly risen: readonly string[];
  /** What was said of code that runs as the one who restores. */
  readonly said: string;
}
