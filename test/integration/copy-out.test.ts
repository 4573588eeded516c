import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { copyMemory } from "../../actions/lib/postgres/rows/copy-frames.ts";
import { copyOut } from "../../actions/lib/postgres/rows/copy-out.ts";
import { execute } from "../lab/index.ts";
import { sharedPostgres } from "../lab/servers/started.ts";

const server = sharedPostgres(17);
const database = `copy_out_${randomBytes(4).toString("hex")}`;
let client: pg.Client;

beforeAll(async () => {
  await execute(server.superuserUrl(), `create database ${database} template template0`);
  await execute(
    server.superuserUrl(database),
    `create table many (id int, text text);
     insert into many select i, repeat('x', i % 97) from generate_series(1, 300000) i;
     create table few (id int); insert into few values (1), (2);
     create table none (id int);
     create table nothing (); insert into nothing default values;
     create table large (text text); insert into large select repeat('0123456789', 5000000)`,
  );
});
afterAll(async () => {
  await execute(server.superuserUrl(), `drop database if exists ${database} with (force)`);
});

beforeEach(async () => {
  client = new pg.Client({ connectionString: server.superuserUrl(database) });
  client.on("error", () => {});
  await client.connect();
  await client.query("begin");
  return async () => void (await client.end());
});

interface Copied {
  readonly text: string;
  readonly rows: string;
}

async function copied(statements: readonly string[], input = copyMemory()): Promise<Copied[]> {
  const all: Copied[] = [];
  let text: Buffer[] = [];
  for await (const event of copyOut(client, statements, input)) {
    if ("text" in event) text.push(Buffer.from(event.text));
    else {
      all.push({ text: Buffer.concat(text).toString(), rows: event.rows });
      text = [];
    }
  }
  return all;
}

const copies = ["few", "none", "nothing", "(select * from many order by id)"].map((from) => `copy ${from} to stdout`);
const manyRows = Array.from({ length: 300_000 }, (_, i) => `${i + 1}\t${"x".repeat((i + 1) % 97)}\n`).join("");

test("many statements in one message give their rows one after another, and the server's count of them", async () => {
  const between = ["savepoint s", "select set_config('work_mem', '64kB', true)"];
  const found = await copied([...between, ...copies, "rollback to savepoint s"]);
  expect(found.map(({ rows }) => rows)).toEqual(["2", "0", "1", "300000"]);
  expect(found.map(({ text }) => text.slice(0, 10))).toEqual(["1\n2\n", "", "\n", manyRows.slice(0, 10)]);
  expect(found[3]?.text === manyRows).toBe(true);
});

test("the session goes on as it was, message after message", async () => {
  const input = copyMemory();
  for (let time = 0; time < 3; time += 1) {
    expect((await copied(copies.slice(0, 3), input)).map(({ text }) => text)).toEqual(["1\n2\n", "", "\n"]);
    expect((await client.query("select 7 as n")).rows).toEqual([{ n: 7 }]);
  }
});

test("a row larger than all memory of ours passes", async () => {
  const [{ text, rows } = { text: "", rows: "" }] = await copied(["copy large to stdout"]);
  expect([text.length, rows]).toEqual([50_000_001, "1"]);
});

test("a refused statement ends the message with its error, behind the rows that came before; the session goes on", async () => {
  await client.query("savepoint before");
  const found: string[] = [];
  const reading = async () => {
    const statements = ["copy few to stdout", "copy (select 1 / (id - 2) from few) to stdout", "copy none to stdout"];
    for await (const event of copyOut(client, statements, copyMemory())) {
      found.push("text" in event ? Buffer.from(event.text).toString() : event.rows);
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: "22012" });
  expect(found.slice(0, 2)).toEqual(["1\n2\n", "2"]);
  expect(found).not.toContain("0");
  await client.query("rollback to savepoint before");
  expect((await copied(["copy few to stdout"])).map(({ rows }) => rows)).toEqual(["2"]);
});

test("who stops before the end hangs up on the server", async () => {
  const ended = new Promise((resolve) => client.once("end", resolve));
  for await (const _event of copyOut(client, ["copy many to stdout", "select pg_sleep(60)"], copyMemory())) break;
  await ended;
  await expect(client.query("select 1")).rejects.toThrow();
});

test.each([
  ["while rows come", "copy (select id, pg_sleep(0.001) from many) to stdout"],
  ["before the first row", "copy (select pg_sleep(60)) to stdout"],
])("a session that the server ends %s is told as that", async (_when, statement) => {
  const pid = (await client.query<{ pid: number }>("select pg_backend_pid() as pid")).rows[0]?.pid;
  const reading = copied([statement]);
  setTimeout(() => void execute(server.superuserUrl(), `select pg_terminate_backend(${pid})`), 300);
  await expect(reading).rejects.toMatchObject({ code: "57P01" });
});

test("a connection that breaks is told, also to who asks only then", async () => {
  const reading = copied(["copy (select id, pg_sleep(0.001) from many) to stdout"]);
  setTimeout(() => Reflect.get(client, "connection").stream.destroy(), 200);
  await expect(reading).rejects.toThrow(/terminated/);
  await expect(copied(["copy few to stdout"])).rejects.toThrow(/not queryable/);
});

test("a consumer that takes its time holds up the server, and all the rows come", async () => {
  let bytes = 0;
  for await (const event of copyOut(client, ["copy many to stdout"], copyMemory())) {
    if (!("text" in event)) continue;
    bytes += event.text.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(bytes).toBe(manyRows.length);
});
