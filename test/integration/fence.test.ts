import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../actions/lib/config/problems.ts";
import { fenceOff } from "../../actions/lib/operations/recover/database-failure/fence.ts";
import { openManagementApi } from "../../actions/lib/supabase/management-api.ts";
import { createProject, dropProject, execute, type LabProject, withClient } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";
import { addProject, backByLab, type Project, type SupabaseApi, startSupabaseApi } from "../lab/supabase-api/index.ts";

/** A project that has lost against another, and could still speak to others. */

const closing = new AsyncDisposableStack();
let lab: LabProject;
let supabase: SupabaseApi;
let production: Project;

const outside = `
  create table public.orders (id int);
  create function public.tell() returns trigger language plpgsql security definer set search_path = '' as
    $$ begin perform net.http_post('http://other.example/by-code'); return new; end $$;
  create trigger by_code after insert on public.orders for each row execute function public.tell();
  create trigger by_webhook after insert on public.orders for each row
    execute function supabase_functions.http_request('http://other.example/by-webhook', 'POST', '{}', '{}', '1000');
  create trigger by_login after insert on auth.users for each row execute function public.tell();
  select cron.schedule('nightly', '0 3 * * *', 'select 1');`;

/** What would go out: nothing takes it from the queue in the lab. */
async function sent(): Promise<string[]> {
  await execute(lab.superuserUrl, "insert into public.orders values (1)");
  await execute(lab.superuserUrl, "insert into auth.users (id) values (gen_random_uuid())");
  return withClient(lab.superuserUrl, async (client) => {
    const { rows } = await client.query("delete from net.http_request_queue returning url");
    return rows.map(({ url }) => url as string).sort();
  });
}

const activeJobs = () =>
  withClient(lab.superuserUrl, async (client) => {
    const { rows } = await client.query("select jobname from cron.job where active");
    return rows.map(({ jobname }) => jobname as string);
  });

beforeAll(async () => {
  const cluster = sharedPostgres(17).superuserUrl();
  lab = await createProject(cluster, "fenced");
  closing.defer(() => dropProject(cluster, "fenced"));
  await execute(lab.postgresUrl, outside);
  supabase = closing.use(await startSupabaseApi());
  production = addProject(supabase.world, { name: "production" });
  await (await backByLab(supabase.world, cluster)).adopt(production, lab);
});
afterAll(() => closing.disposeAsync());

test("a project that is fenced off sends nothing any more, whatever code it is from, and each statement opens it again", async () => {
  const [code, webhook] = ["http://other.example/by-code", "http://other.example/by-webhook"];
  expect(await sent()).toEqual([code, code, webhook]);
  const token = new Secret(supabase.token);
  const env = { SUPABASE_API_URL: supabase.url };
  const api = openManagementApi({ url: supabase.url, token, spacing: 0 });
  const fences = await fenceOff(api, production.ref, env);
  expect(fences.filter(({ done }) => !done)).toEqual([]);
  expect(await sent()).toEqual([]);
  expect(await activeJobs()).toEqual([]);
  const note = fences.find(({ inside }) => inside)?.note ?? "";
  for (const statement of note.match(/\b(?:select|drop) [^;]+/gi) ?? []) await execute(lab.postgresUrl, statement);
  expect(await sent()).toEqual([code, code, webhook]);
  expect(await activeJobs()).toEqual(["nightly"]);
});

test("what is not shut is told: a restriction that is only stored, and jobs of another role", async () => {
  const config = { dbAllowedCidrs: ["192.0.2.1/32"], dbAllowedCidrsV6: [] };
  const stored = { entitlement: "allowed", status: "stored", config };
  supabase.world.faults.inject({ kind: { status: 200, json: stored }, on: /^GET .*network-restrictions/ });
  await execute(lab.superuserUrl, "update cron.job set username = 'authenticator'");
  const token = new Secret(supabase.token);
  const api = openManagementApi({ url: supabase.url, token, spacing: 0 });
  const fences = await fenceOff(api, production.ref, { SUPABASE_API_URL: supabase.url });
  expect(fences.filter(({ done }) => !done)).toMatchObject([
    { inside: true, note: expect.stringContaining("1 cron job of other roles is still on") },
    { what: "database and pooler", note: expect.stringContaining("does not keep to it") },
  ]);
  expect(await sent()).toEqual([]);
});
