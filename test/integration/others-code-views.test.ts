import { afterAll, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { viewQuestions } from "../../actions/lib/postgres/rows/others-code.ts";
import { createProject, dropProject, execute } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const low = `viewer_${process.pid}`;
const closing = new AsyncDisposableStack();
afterAll(() => closing.disposeAsync());

const sql = `
  create role ${low};
  create schema low authorization ${low};
  create function public.sum(a int) returns int immutable language sql as 'select a';
  set role ${low};
  create function low.told() returns text language plpgsql as $$ begin return current_user; end $$;
  create function low.same(a int, b int) returns boolean language sql as 'select a = b';
  create operator low.=== (leftarg = int, rightarg = int, function = low.same);
  create domain low.small as int check (low.same(value, 1));
  create table low.rows as select 1 as id, 'x' as text;
  create view low.behind as select low.told() as told from low.rows;
  create materialized view low.calls as select low.told() as told from low.rows;
  create materialized view low.calls_behind as select count(*) from low.behind where told <> '';
  create materialized view low.operates as select id operator(low.===) 1 as same from low.rows;
  create materialized view low.casts as select id::low.small as small from low.rows;
  create materialized view low.plain as select id, upper(text) as text from low.rows;
  reset role;
  create materialized view public.of_postgres as select public.sum(id) as sum from low.rows;
  alter materialized view public.of_postgres owner to postgres`;

test.each([15, 17] as const)(
  "PostgreSQL %i: the query of somebody who may less is not run as the backup role",
  async (major) => {
    const superuser = sharedPostgres(major).superuserUrl();
    const project = await createProject(superuser, `views_${process.pid}`);
    closing.defer(async () => {
      await dropProject(superuser, project.name);
      await execute(superuser, `drop role ${low}`);
    });
    await execute(project.superuserUrl, sql);
    const client = await connect(parseConnectionUrl(project.backupUrl), { applicationName: "lifeboat/views" });
    closing.defer(() => client.end());
    const names = ["calls", "calls_behind", "operates", "casts", "plain", "of_postgres"];
    const views = names.map((name) => ({ schema: name === "of_postgres" ? "public" : "low", name }));
    const asked = await viewQuestions(client, views);
    expect(asked.map(({ view }) => view.name)).toEqual(names);
    expect(asked.filter(({ fresh }) => fresh !== undefined).map(({ view }) => view.name)).toEqual([
      "plain",
      "of_postgres",
    ]);
    // What the owner may, he may here: his own session is asked everything of his.
    const own = await connect(parseConnectionUrl(project.superuserUrl), { applicationName: "lifeboat/views" });
    closing.defer(() => own.end());
    await own.query(`set role ${low}`);
    const his = await viewQuestions(own, views.slice(0, 5));
    expect(his.filter(({ fresh }) => fresh === undefined)).toEqual([]);
  },
);
