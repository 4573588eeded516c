import { describe, expect, test } from "vitest";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { readRef } from "../../actions/lib/config/environment.ts";
import {
  admitWhose,
  productionNames,
  refuseUntold,
  targetNames,
  type Whose,
  whoseTarget,
} from "../../actions/lib/operations/target/whose.ts";

const live = "abcdefghijklmnopqrst";
const other = "tsrqponmlkjihgfedcba";
const pooler = "aws-0-us-east-1.pooler.supabase.com:5432/postgres";

interface Told {
  readonly url: string;
  readonly ref?: string;
  readonly endpoint?: string;
}

/** Judges a target beside production as a command does, from what stands in the environment. */
function judge(target: Told, production: Partial<Told>, same?: boolean): Whose {
  const env = { SUPABASE_STORAGE_ENDPOINT: production.endpoint, REF: production.ref, TARGET_REF: target.ref };
  const settings = production.url === undefined ? undefined : parseConnectionUrl(production.url);
  const names = targetNames(
    { projectRef: readRef(env, "TARGET_REF"), database: parseConnectionUrl(target.url) },
    target.endpoint === undefined ? undefined : { endpoint: target.endpoint },
  );
  return whoseTarget(names, productionNames({ projectRef: readRef(env, "REF"), env }, settings, null), same);
}

const s3 = (host: string) => `https://${host}/storage/v1/s3`;
const local = (host: string) => `postgres://postgres:x@${host}:54322/postgres`;

describe("production is known", () => {
  test.each<[string, Told, Partial<Told>]>([
    ["told in the settings", { url: local("127.0.0.1"), ref: live }, { ref: live }],
    [
      "told with blanks and in capital letters",
      { url: local("127.0.0.1"), ref: ` ${live.toUpperCase()}\n` },
      { ref: live },
    ],
    [
      "when production's own ref is padded",
      { url: `postgres://postgres:x@db.${live}.supabase.co` },
      { ref: ` ${live} ` },
    ],
    ["by the role at the pooler", { url: `postgres://postgres.${live}:x@${pooler}` }, { ref: live }],
    ["by a role in capital letters", { url: `postgres://postgres.${live.toUpperCase()}:x@${pooler}` }, { ref: live }],
    ["by its direct host", { url: `postgres://postgres:x@db.${live}.supabase.co:5432/postgres` }, { ref: live }],
    [
      "by its host in capital letters",
      { url: `postgres://postgres:x@DB.${live.toUpperCase()}.Supabase.CO/postgres` },
      { ref: live },
    ],
    [
      "by its host with a dot at the end",
      { url: `postgres://postgres:x@db.${live}.supabase.co./postgres` },
      { ref: live },
    ],
    ["by its host in wide letters", { url: `postgres://postgres:x@db.${live}.ｓupabase.co/postgres` }, { ref: live }],
    [
      "by DATABASE_URL alone, the one by the pooler, the other by the host",
      { url: `postgres://postgres.${live}:x@${pooler}` },
      { url: `postgres://postgres:x@db.${live}.supabase.co/postgres` },
    ],
    ["as localhost", { url: local("localhost") }, { url: local("127.0.0.1") }],
    ["as ::1", { url: local("[::1]") }, { url: local("localhost") }],
    ["as another address of this machine", { url: local("127.1") }, { url: local("LOCALHOST.") }],
    ["by its endpoint's name", { url: local("10.0.0.1"), endpoint: s3(`${live}.storage.supabase.co`) }, { ref: live }],
    [
      "by its endpoint's other name",
      { url: local("10.0.0.1"), endpoint: s3(`${live.toUpperCase()}.supabase.co.`) },
      { ref: live },
    ],
    [
      "by the endpoint that backups read, written otherwise",
      { url: local("10.0.0.1"), endpoint: "HTTPS://files.example.org.:443/storage/v1/s3/" },
      { endpoint: s3("files.example.org") },
    ],
    [
      "by an endpoint of this machine",
      { url: local("10.0.0.1"), endpoint: "http://localhost:5000/storage/v1/s3" },
      { endpoint: "http://127.0.0.1:5000/storage/v1/s3" },
    ],
  ])("%s", (_how, target, production) => {
    expect(judge(target, production).kind).toBe("production");
  });

  test("by asking both databases, whatever the addresses say, and another one is told apart", () => {
    const [target, production] = [{ url: local("10.0.0.1") }, { url: local("db.example.org") }];
    expect(judge(target, production, true).kind).toBe("production");
    expect(judge(target, production, false).kind).toBe("other");
    expect(judge(target, production).kind).toBe("untold");
    expect(judge({ ...target, ref: other }, { ref: live }).kind).toBe("other");
    expect(judge({ ...target, ref: live }, { ref: live }, false).kind).toBe("production");
    expect(
      judge({ url: `postgres://postgres.${other}:x@${pooler}` }, { url: `postgres://postgres.${live}:x@${pooler}` })
        .kind,
    ).toBe("other");
  });
});

describe("production is written", () => {
  const admission = { target: { name: "default" }, prefix: "TARGET", what: "the project that the backups come from" };
  const attempt = (whose: Whose, typed: string | undefined) => () => admitWhose(whose, { ...admission, typed });

  test("only when its ref was typed, and a ref is typed for nothing else", () => {
    const production: Whose = { kind: "production", ref: live };
    expect(attempt(production, undefined)).toThrow(
      expect.objectContaining({ code: "target-is-production", exitCode: 2 }),
    );
    expect(attempt(production, other)).toThrow(expect.objectContaining({ code: "target-is-production" }));
    expect(attempt(production, live)).not.toThrow();
    expect(attempt({ kind: "other" }, undefined)).not.toThrow();
    expect(attempt({ kind: "other" }, live)).toThrow(
      expect.objectContaining({ code: "production-not-meant", exitCode: 2 }),
    );
  });

  test("never while its ref is known nowhere, and where nobody can tell it says what to give", () => {
    const next = expect.stringContaining("TARGET_PROJECT_REF");
    expect(attempt({ kind: "production", ref: undefined }, live)).toThrow(expect.objectContaining({ next }));
    const untold = () => refuseUntold({ kind: "untold" }, { ...admission, typed: undefined });
    expect(untold).toThrow(expect.objectContaining({ code: "target-unknown", exitCode: 2, next }));
  });
});
