import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Who runs a part of a case: `postgres` as limited as Supabase's, or the cluster's superuser. */
type Actor = "postgres" | "superuser";

/** One small input from real life: what the source holds, and what has to come of it. See test/cases/README.md. */
export interface Case {
  readonly name: string;
  readonly steps: readonly { readonly as: Actor; readonly sql: string }[];
  /** SQL that puts something into the target before the restore; empty for none. */
  readonly targetHolds: string;
  /** Its answer has to be equal in source and restored copy. */
  readonly query: string | undefined;
  /** What the restore has to name: patterns over `kind identity: aspect: detail [why]`, by verdict. */
  readonly named: { readonly expected: readonly RegExp[]; readonly failed: readonly RegExp[] };
  readonly tiers: readonly string[];
  /** Majors of source and target where only one pair will do. */
  readonly source: 15 | 17 | undefined;
  readonly target: 15 | 17 | undefined;
  readonly kinds: readonly ("supabase" | "plain")[];
  /** Needs a source and a target for itself. */
  readonly alone: boolean;
  /** Needs what only Supabase's real set-up has. */
  readonly real: boolean;
}

export async function readCases(folder: string): Promise<Case[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    files.map(async (name) => readCase(name.replace(/\.sql$/, ""), await readFile(join(folder, name), "utf8"))),
  );
}

export function readCase(name: string, text: string): Case {
  const lines = text.split("\n");
  const begin = lines.findIndex((line) => /^-- @as /.test(line));
  if (begin < 0) throw new Error(`Case ${name} has no line "-- @as ROLE".`);
  const heads = lines.slice(0, begin);
  const all = (head: string) =>
    heads.filter((line) => line.startsWith(`-- ${head}:`)).map((line) => line.slice(head.length + 4).trim());
  const one = (head: string) => all(head)[0];
  const target = heads.filter((line) => line.startsWith("-- | ")).map((line) => line.slice(5));
  return {
    name,
    steps: stepsOf(lines.slice(begin)),
    targetHolds: target.join("\n"),
    query: one("query"),
    named: { expected: all("names").map(pattern), failed: all("fails").map(pattern) },
    tiers: (one("tiers") ?? "weekly").split(",").map((tier) => tier.trim()),
    source: major(one("source")),
    target: major(one("target")),
    kinds: one("kind") === undefined ? ["supabase", "plain"] : [one("kind") === "plain" ? "plain" : "supabase"],
    alone: one("alone") === "yes" || target.length > 0,
    real: one("real") === "yes" || one("needs") !== undefined,
  };
}

const pattern = (text: string) => new RegExp(text, "i");

function major(text: string | undefined): 15 | 17 | undefined {
  return text === "15" ? 15 : text === "17" ? 17 : undefined;
}

function stepsOf(lines: readonly string[]): { as: Actor; sql: string }[] {
  const steps: { as: Actor; sql: string }[] = [];
  for (const line of lines) {
    const actor = /^-- @as (postgres|superuser)/.exec(line)?.[1];
    if (actor !== undefined) steps.push({ as: actor === "postgres" ? "postgres" : "superuser", sql: "" });
    else {
      const last = steps.at(-1);
      if (last !== undefined) last.sql += `${line}\n`;
    }
  }
  return steps;
}
