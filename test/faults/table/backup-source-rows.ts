import type pg from "pg";
import { execute, urlFor, withClient } from "../../lab/index.ts";
import type { BackupInjection, BackupRow, BackupScene } from "./backup-scene.ts";
import type { Outcome } from "./row.ts";
import { crowd, firstChild, killBackend } from "./server-trouble.ts";
import { watchedLog } from "./watched-log.ts";

/** Something that is done once, as a place in the run is reached. */
function at(place: RegExp, act: () => unknown, url: string, end?: () => unknown): BackupInjection {
  let hit = false;
  const log = watchedLog(place, () => {
    hit = true;
    return act();
  });
  return { log, url, hit: () => hit, ...(end && { end }) };
}

const places = {
  preflight: /^preflight$/,
  lease: /^lease$/,
  "first sessions": /^watch$/,
  schema: /^schema$/,
  data: /^data$/,
  "first rows": /^\d\d-/,
  inventory: /^inventory$/,
  publish: /^publish$/,
} as const;
type Place = keyof typeof places;

type Act = (scene: BackupScene) => unknown;
interface Kind {
  readonly act: Act;
  readonly end?: Act;
}

/** Ends sessions of the run at the server, as an administrator or a fail-over does. */
const terminate = (which: string): Act => {
  return ({ server }) =>
    execute(
      server.superuserUrl(),
      `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and ${which}`,
    );
};

const asSuperuser = ({ server }: BackupScene, sql: string) => execute(server.superuserUrl("source"), sql);

const crowds = new WeakMap<BackupScene, readonly pg.Client[]>();

const kinds = {
  "connections cut": { act: ({ network }) => network.cut() },
  "network gone": {
    act: ({ network }) => {
      network.refuse(true);
      network.cut();
    },
    end: ({ network }) => network.refuse(false),
  },
  "network slow": { act: ({ network }) => network.slow(400_000), end: ({ network }) => network.slow(undefined) },
  "network holds for a second": {
    act: ({ network }) => void setTimeout((pause) => pause.release(), 1000, network.hold()),
  },
  "snapshot holder terminated": {
    act: terminate("application_name = 'lifeboat/snapshot'"),
  },
  "all sessions terminated": { act: terminate("application_name like 'lifeboat/%'") },
  "no connection left": {
    act: async (scene) => {
      crowds.set(scene, await crowd(scene.server.superuserUrl()));
    },
    end: (scene) => Promise.all((crowds.get(scene) ?? []).map((client) => client.end())),
  },
  "pg_dump killed": {
    act: ({ network }) => {
      network.slow(20_000);
      void firstChild("pg_dump").then((pid) => process.kill(pid, "SIGKILL"));
    },
    end: ({ network }) => network.slow(undefined),
  },
  "pg_restore killed": {
    act: () => void firstChild("pg_restore").then((pid) => process.kill(pid, "SIGKILL")),
  },
  "DDL waits for us": {
    act: (scene) => {
      scene.network.slow(20_000);
      void asSuperuser(scene, "alter table pupils add column late int");
    },
    end: ({ network }) => network.slow(undefined),
  },
  "server process killed": {
    act: async ({ server }) => {
      await killBackend(server.superuserUrl("source"));
    },
  },
  "sessions that read rows terminated": { act: terminate("application_name = 'lifeboat/rows'") },
  "pooler full": {
    act: ({ network }) => network.admit(4),
    end: ({ network }) => network.admit(Number.POSITIVE_INFINITY),
  },
  "watcher terminated": { act: terminate("application_name = 'lifeboat/watch'") },
} as const satisfies Record<string, Kind>;

function row(kind: keyof typeof kinds, place: Place, outcome: Outcome, code?: string | RegExp): BackupRow {
  const { act, end }: Kind = kinds[kind];
  return {
    ...{ kind, stage: place, outcome, ...(code && { code }) },
    inject: (scene) =>
      at(
        places[place],
        () => act(scene),
        scene.throughProxy(),
        () => end?.(scene),
      ),
  };
}

const failed = "failed, no manifest";

const sessions: readonly BackupRow[] = [
  row("network gone", "preflight", "refused before writing", "preflight-failed"),
  row("network slow", "preflight", "success"),
  row("network gone", "lease", failed),
  row("network gone", "first sessions", failed),
  row("connections cut", "schema", failed),
  row("network gone", "schema", failed),
  row("network slow", "schema", "success"),
  row("network holds for a second", "schema", "success"),
  row("connections cut", "data", failed),
  row("network gone", "data", failed),
  row("network holds for a second", "data", "success"),
  row("snapshot holder terminated", "data", failed, "snapshot-lost"),
  row("snapshot holder terminated", "first rows", failed, "snapshot-lost"),
  row("all sessions terminated", "data", failed),
  row("all sessions terminated", "first rows", failed),
  row("sessions that read rows terminated", "first rows", "success"),
  row("pooler full", "data", "success"),
  row("watcher terminated", "data", failed),
  row("snapshot holder terminated", "inventory", "success"),
  row("connections cut", "inventory", "success"),
  row("network gone", "publish", "success"),
  row("no connection left", "preflight", "refused before writing", "preflight-failed"),
  row("no connection left", "first sessions", failed),
  row("no connection left", "data", failed),
  row("pg_dump killed", "schema", failed, "dump-failed"),
  row("pg_restore killed", "schema", failed, "dump-failed"),
  row("DDL waits for us", "first rows", failed, "ddl-waiting"),
  row("server process killed", "data", failed),
  row("server process killed", "publish", "success"),
];

/** Of a table that somebody changes between the catalogue and its rows: he gets it, and the backup starts over. */
function changed(kind: string, sql: string): BackupRow {
  return {
    ...{ kind: `table ${kind}`, stage: "data", outcome: "success" },
    async inject(scene) {
      await asSuperuser(
        scene,
        `create table moving (id int primary key, filler text);
         insert into moving select n, repeat(md5(n::text), 9) from generate_series(1, 3000) n`,
      );
      let change: Promise<unknown> | undefined;
      const act = () => {
        scene.network.slow(100_000);
        // One by one: VACUUM and its like run outside of a transaction.
        change = withClient(scene.url, async (client) => {
          for (const statement of sql.split(";")) await client.query(statement);
          scene.network.slow(undefined);
        });
      };
      const end = async () => {
        await change;
        await asSuperuser(scene, "drop table if exists moving_all; drop table if exists moving");
      };
      return { ...at(/^data$/, act, scene.throughProxy(), end), startOverMinutes: 1 };
    },
  };
}

const changes: readonly BackupRow[] = [
  changed("shrinks", "delete from moving where id > 20; vacuum moving"),
  changed("emptied", "truncate moving"),
  changed("rewritten by VACUUM FULL", "delete from moving where id > 20; vacuum full moving"),
  changed("rewritten by CLUSTER", "cluster moving using moving_pkey"),
  changed("rewritten by ALTER TABLE", "alter table moving alter id type int8"),
  changed(
    "made a partition",
    "create table moving_all (like moving) partition by range (id); alter table moving_all attach partition moving for values from (0) to (9000)",
  ),
  changed("dropped before it is read", "drop table moving"),
];

/** A role with something set against us. */
function asRole(
  name: string,
  setting: string,
  attributes = "superuser",
): (scene: BackupScene) => Promise<BackupInjection> {
  return async (scene) => {
    await asSuperuser(scene, `create role ${name} login ${attributes} password 'of-a-role'; ${setting}`);
    return { url: urlFor(scene.url, { user: name, password: "of-a-role" }), hit: () => true };
  };
}

/** The large object of the scene is somebody else's. */
function narrow(role: string, connections: number): string {
  return `alter role ${role} connection limit ${connections}; alter role ${role} set lo_compat_privileges = on`;
}

const settings: readonly BackupRow[] = [
  {
    ...{ kind: "statement_timeout of the role", stage: "data", outcome: "success" },
    inject: asRole("hasty", "alter role hasty set statement_timeout = '5ms'"),
  },
  {
    ...{ kind: "idle_in_transaction_session_timeout of the role", stage: "data", outcome: "success" },
    inject: asRole("restless", "alter role restless set idle_in_transaction_session_timeout = '5ms'"),
  },
  {
    ...{ kind: "transaction_timeout of the role", stage: "data", outcome: "success" },
    inject: asRole("brief", "alter role brief set transaction_timeout = '50ms'"),
  },
  {
    ...{ kind: "connection limit of the role", stage: "preflight", outcome: "refused before writing" },
    inject: asRole("crowded", "alter role crowded connection limit 0", "in role pg_read_all_data"),
  },
  {
    ...{ kind: "one connection alone", stage: "preflight", outcome: "refused before writing" },
    inject: asRole("lonely", narrow("lonely", 1), "in role pg_read_all_data"),
    code: "preflight-failed",
  },
  {
    ...{ kind: "one connection for rows", stage: "data", outcome: "success" },
    inject: asRole("narrow", narrow("narrow", 4), "in role pg_read_all_data"),
  },
  {
    ...{ kind: "role may not read a table", stage: "preflight", outcome: "refused before writing" },
    code: "preflight-failed",
    inject: asRole("blind", "alter role blind connection limit 9", "in role pg_monitor"),
  },
  {
    ...{ kind: "host name that does not resolve", stage: "preflight", outcome: "refused before writing" },
    code: "preflight-failed",
    inject: ({ url }) => ({ url: url.replace("127.0.0.1", "database.of.nobody.invalid"), hit: () => true }),
  },
  {
    ...{ kind: "wrong password", stage: "preflight", outcome: "refused before writing", code: "preflight-failed" },
    inject: ({ url }) => ({ url: urlFor(url, { user: "lab_superuser", password: "not-this" }), hit: () => true }),
  },
  {
    ...{ kind: "lock held by somebody", stage: "schema", outcome: failed, code: "lock-wait" },
    async inject({ url }) {
      const held = Promise.withResolvers<void>();
      const over = Promise.withResolvers<void>();
      const holder = withClient(url, async (client) => {
        await client.query("begin; lock table marks in access exclusive mode");
        held.resolve();
        await over.promise;
      });
      await held.promise;
      return {
        url,
        hit: () => true,
        end: async () => {
          over.resolve();
          await holder;
        },
      };
    },
  },
  {
    ...{ kind: "definition changes", stage: "schema", outcome: "success" },
    inject: (scene) =>
      at(/^schema$/, () => asSuperuser(scene, "create or replace view answers as select 2 as answer"), scene.url),
  },
  {
    ...{ kind: "table dropped", stage: "lease", outcome: "success" },
    async inject(scene) {
      await asSuperuser(scene, "create table passing (id int)");
      return at(/^lease$/, () => asSuperuser(scene, "drop table passing"), scene.url);
    },
  },
  {
    ...{ kind: "called off", stage: "data", outcome: failed, code: "interrupted" },
    inject: ({ url }) => calledOff(/^data$/, url),
  },
  {
    ...{ kind: "called off", stage: "publish", outcome: failed, code: "interrupted" },
    inject: ({ url }) => calledOff(/^publish$/, url),
  },
];

function calledOff(place: RegExp, url: string): BackupInjection {
  const controller = new AbortController();
  return { ...at(place, () => controller.abort(), url), signal: controller.signal };
}

export const backupSourceRows: readonly BackupRow[] = [...sessions, ...changes, ...settings];
