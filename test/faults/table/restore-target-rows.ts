import { Interrupted } from "../../../actions/lib/base/flow/stages.ts";
import { execute, urlFor, withClient } from "../../lab/index.ts";
import type { RestoreInjection, RestoreRow, RestoreScene, Target } from "./restore-scene.ts";
import type { Outcome } from "./row.ts";
import { killBackend } from "./server-trouble.ts";
import { watchedLog } from "./watched-log.ts";

const places = {
  "restore-open": /^read the set$/,
  gates: /^inspect the target$/,
  roles: /^roles$/,
  "restore-schema": /^schema$/,
  "restore-data": /^data$/,
  "first rows": /^public\.marks$/,
  "restore-indexes": /^keys and indexes$/,
  "materialised views": /^materialised views$/,
  owners: /^owners and grants$/,
  prove: /^prove$/,
} as const;
type Place = keyof typeof places;

interface Context {
  readonly scene: RestoreScene;
  readonly target: Target;
}
type Act = (context: Context) => unknown;
interface Kind {
  readonly act: Act;
  readonly end?: Act;
}

const asSuperuser = ({ target }: Context, sql: string) => execute(target.url, sql);

const kinds = {
  "connections cut": { act: ({ scene }) => scene.network.cut() },
  "network gone": {
    act: ({ scene }) => {
      scene.network.refuse(true);
      scene.network.cut();
    },
    end: ({ scene }) => scene.network.refuse(false),
  },
  "cut after some bytes": { act: ({ scene }) => void scene.network.cutAfter(300) },
  "network holds for a second": {
    act: ({ scene }) => void setTimeout((pause) => pause.release(), 1000, scene.network.hold()),
  },
  "all sessions terminated": {
    act: (context) =>
      asSuperuser(
        context,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lifeboat/restore'",
      ),
  },
  "server process killed": {
    act: async ({ target }) => {
      await killBackend(target.url);
    },
  },
  "target dropped": {
    act: ({ scene, target }) => execute(scene.server.superuserUrl(), `drop database ${target.name} with (force)`),
    end: ({ scene, target }) =>
      execute(scene.server.superuserUrl(), `create database ${target.name} template template0`),
  },
  "called off": { act: () => undefined },
} as const satisfies Record<string, Kind>;

function row(kind: keyof typeof kinds, place: Place, outcome: Outcome, code?: string): RestoreRow {
  const { act, end }: Kind = kinds[kind];
  return {
    ...{ kind, stage: place, outcome, ...(code && { code }) },
    inject(context): RestoreInjection {
      const off = new AbortController();
      let hit = false;
      const log = watchedLog(places[place], () => {
        hit = true;
        if (kind === "called off") off.abort(new Interrupted("SIGTERM"));
        return act(context);
      });
      const url = context.target.throughProxy;
      return { log, url, signal: off.signal, hit: () => hit, end: () => end?.(context) };
    },
  };
}

const untouched = "refused, target untouched";
const resumes = "fails, then resumes and proves";

const sessions: readonly RestoreRow[] = [
  row("network gone", "restore-open", untouched),
  row("network gone", "gates", untouched),
  row("connections cut", "roles", resumes),
  row("connections cut", "restore-schema", resumes),
  row("all sessions terminated", "restore-schema", resumes),
  row("cut after some bytes", "restore-schema", resumes),
  row("network gone", "restore-data", resumes),
  row("connections cut", "first rows", resumes),
  row("all sessions terminated", "restore-data", resumes),
  row("server process killed", "restore-data", resumes),
  row("network holds for a second", "first rows", "success"),
  row("target dropped", "restore-data", untouched),
  row("connections cut", "restore-indexes", resumes),
  row("all sessions terminated", "restore-indexes", resumes),
  row("server process killed", "restore-indexes", resumes),
  row("connections cut", "materialised views", resumes),
  row("connections cut", "owners", resumes),
  row("all sessions terminated", "prove", resumes),
  row("network gone", "prove", resumes),
  row("server process killed", "prove", resumes),
  row("called off", "restore-schema", resumes),
  row("called off", "first rows", resumes),
  row("called off", "prove", resumes),
];

/** Something that is set at the target before the restore begins. */
function setUp(
  kind: string,
  stage: string,
  outcome: Outcome,
  sql: (name: string) => string,
  undo: string,
  code?: string,
): RestoreRow {
  return {
    ...{ kind, stage, outcome, ...(code && { code }) },
    async inject(context) {
      await asSuperuser(context, sql(context.target.name));
      return { hit: () => true, end: () => asSuperuser(context, undo) };
    },
  };
}

/** Something that is done as a place is reached, and undone before the next restore. */
function meanwhile(
  kind: string,
  place: Place,
  outcome: Outcome,
  sql: string,
  undo?: string,
  code?: string,
): RestoreRow {
  return {
    ...{ kind, stage: place, outcome, ...(code && { code }) },
    inject(context) {
      let hit = false;
      const log = watchedLog(places[place], async () => {
        hit = true;
        await asSuperuser(context, sql);
      });
      return { log, hit: () => hit, ...(undo && { end: () => asSuperuser(context, undo) }) };
    },
  };
}

/** No space left, as the server reports it (53100), whenever `where` is reached. */
const full = "raise exception 'could not extend file: No space left on device' using errcode = '53100'";
const fullTable = `
  create function public.full_disk() returns trigger language plpgsql as $$ begin ${full}; end $$;
  create trigger full_disk before insert on public.pupils for each row execute function public.full_disk();
  alter table public.pupils enable always trigger full_disk;`;
const fullIndexes = `
  create function public.full_disk() returns event_trigger language plpgsql as $$ begin ${full}; end $$;
  create event trigger full_disk on ddl_command_start when tag in ('CREATE INDEX') execute function public.full_disk();`;

const settings: readonly RestoreRow[] = [
  {
    ...{ kind: "statement_timeout of the role", stage: "whole run", outcome: "success" },
    async inject({ scene, target }) {
      const role = "create role hasty login superuser password 'hasty'; alter role hasty set statement_timeout = '5ms'";
      await execute(scene.server.superuserUrl(), role);
      const url = urlFor(target.url, { user: "hasty", password: "hasty" });
      return {
        url,
        hit: () => true,
        end: () => execute(scene.server.superuserUrl(), "alter role hasty nosuperuser nologin"),
      };
    },
  },
  setUp(
    "target filled before",
    "gates",
    untouched,
    () => "create function public.theirs() returns int language sql as 'select 1'",
    "drop function public.theirs()",
    "target-not-empty",
  ),
  meanwhile("disk full", "restore-data", "differs by name", fullTable),
  meanwhile("disk full", "restore-indexes", "differs by name", fullIndexes),
  meanwhile(
    "rows put in by somebody",
    "restore-data",
    resumes,
    "insert into public.marks values (1, 2)",
    "delete from public.marks where pupil = 1 and mark = 2",
    "target-filled-meanwhile",
  ),
  {
    ...{ kind: "no connections left", stage: "gates", outcome: untouched },
    async inject({ scene, target }) {
      await execute(scene.server.superuserUrl(), "create role crowded login password 'crowded' connection limit 0");
      const url = urlFor(target.url, { user: "crowded", password: "crowded" });
      return { url, hit: () => true, end: () => execute(scene.server.superuserUrl(), "drop role crowded") };
    },
  },
  {
    ...{ kind: "host name that does not resolve", stage: "gates", outcome: untouched },
    inject: ({ target }) => ({ url: target.url.replace("127.0.0.1", "target.of.nobody.invalid"), hit: () => true }),
  },
  {
    ...{ kind: "lock held by somebody", stage: "restore-data", outcome: resumes },
    inject(context) {
      const over = Promise.withResolvers<void>();
      let holder: Promise<void> | undefined;
      const log = watchedLog(places["restore-data"], async () => {
        const held = Promise.withResolvers<void>();
        holder = withClient(context.target.url, async (client) => {
          await client.query("begin; lock table public.marks in access exclusive mode");
          held.resolve();
          await over.promise;
        });
        await held.promise;
      });
      const end = async () => {
        over.resolve();
        await holder;
      };
      return { log, hit: () => holder !== undefined, end };
    },
  },
];

export const restoreTargetRows: readonly RestoreRow[] = [...sessions, ...settings];
