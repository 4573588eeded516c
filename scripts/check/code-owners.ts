import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** What runs before or beside a key without being named by a step: npm's own files, the policy, whose keys count. */
const always = [
  ".github/CODEOWNERS",
  ".github/keys/README.md",
  ".npmrc",
  "lifeboat.config.ts",
  "package-lock.json",
  "package.json",
];

const step = z.looseObject({ uses: z.string().optional(), run: z.string().optional() });
const workflowSchema = z.looseObject({
  jobs: z.record(
    z.string(),
    z.looseObject({ permissions: z.record(z.string(), z.string()).optional(), steps: z.array(step).default([]) }),
  ),
});
const actionSchema = z.looseObject({
  runs: z.looseObject({ main: z.string().optional(), steps: z.array(step).default([]) }),
});

/** Files that jobs with keys reach and for which `.github/CODEOWNERS` names nobody. */
export function codeOwnerProblems(root: string): string[] {
  return unownedProblems(readFileSync(join(root, ".github/CODEOWNERS"), "utf8"), reachedWithKeys(root));
}

export function unownedProblems(owners: string, reached: ReadonlySet<string>): string[] {
  const rules = ownerRules(owners);
  // Another kind would have to be matched as GitHub does, and could take owners away from anything.
  const strange = rules.filter(({ pattern }) => !/^\/[\w./-]*$/.test(pattern)).map(({ pattern }) => pattern);
  const unowned = [...reached].sort().filter((path) => !isOwned(rules, path));
  return [
    ...strange.map((pattern) => `.github/CODEOWNERS: ${pattern} is no path from the root: name files and folders.`),
    ...unowned.map(
      (path) => `.github/CODEOWNERS: nobody must agree to a change of ${path}, which a job with keys runs.`,
    ),
  ];
}

/** Every file of the checkout that a job with secrets or a cloud role runs, imports or reads as its policy. */
export function reachedWithKeys(root: string): Set<string> {
  const reached = new Set(always.filter((path) => existsSync(join(root, path))));
  for (const path of globSync(".github/workflows/*.{yml,yaml}", { cwd: root })) {
    const { jobs } = workflowSchema.parse(parse(readFileSync(join(root, path), "utf8")));
    for (const job of Object.values(jobs)) {
      const keys = /\bsecrets\b/i.test(JSON.stringify(job)) || job.permissions?.["id-token"] === "write";
      if (!keys) continue;
      reached.add(path);
      for (const one of job.steps) followStep(root, one, reached);
    }
  }
  return reached;
}

function followStep(root: string, { uses, run }: z.infer<typeof step>, reached: Set<string>): void {
  if (uses?.startsWith("./")) {
    const file = join(uses, "action.yml");
    const { runs } = actionSchema.parse(parse(readFileSync(join(root, file), "utf8")));
    reached.add(file);
    if (runs.main !== undefined) followImports(root, join(uses, runs.main), reached);
    for (const one of runs.steps) followStep(root, one, reached);
  }
  for (const word of run?.split(/[\s"'`;&|()]+/) ?? []) if (isFile(root, word)) followImports(root, word, reached);
}

/** Strings that lead from one file to another: imports, and files that are found beside the code. */
const leads = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)"(\.{1,2}\/[^"]+)"/g;

const catalogue = "actions/lib/operations/catalogue.ts";

function followImports(root: string, path: string, reached: Set<string>): void {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [, to] of readFileSync(join(root, path), "utf8").matchAll(leads)) {
    const next = relative(root, join(root, dirname(path), to ?? ""));
    if (isFile(root, next)) followImports(root, next, reached);
    // A folder beside the code that reads it: templates, records.
    else if (to?.startsWith("./") && to.endsWith("/"))
      for (const file of globSync(join(next, "**"), { cwd: root })) if (isFile(root, file)) reached.add(file);
  }
  // It loads every verb that it finds.
  if (path !== catalogue) return;
  for (const verb of globSync("actions/lib/operations/*/operation.ts", { cwd: root }))
    followImports(root, verb, reached);
}

/** Whether it is a file of the checkout. */
export function isFile(root: string, path: string): boolean {
  const found =
    path === "" || path.startsWith("..") ? undefined : statSync(join(root, path), { throwIfNoEntry: false });
  return found?.isFile() === true;
}

interface OwnerRule {
  readonly pattern: string;
  readonly owned: boolean;
}

function ownerRules(text: string): OwnerRule[] {
  return text.split("\n").flatMap((line) => {
    const [pattern = "", ...owners] = line
      .replace(/(^|\s)#.*$/, "")
      .trim()
      .split(/\s+/);
    return pattern === "" ? [] : [{ pattern, owned: owners.length > 0 }];
  });
}

/** Whether a path has an owner: the last line that matches counts, and one without owners takes them away (GitHub's rule). */
function isOwned(rules: readonly OwnerRule[], path: string): boolean {
  const fits = ({ pattern }: OwnerRule) =>
    `/${path}` === pattern || `/${path}`.startsWith(pattern.endsWith("/") ? pattern : `${pattern}/`);
  return rules.findLast(fits)?.owned === true;
}
