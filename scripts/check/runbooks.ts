import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { commandsOf, optionsOf } from "../../actions/lib/edge/command-line.ts";
import { loadOperations } from "../../actions/lib/operations/catalogue.ts";
import { reviewDue } from "../../actions/lib/policy/monitor/reviews.ts";
import { packageScripts } from "./package-scripts.ts";
import { type RunbookPage, readRunbookPage } from "./runbook-page.ts";

/** In this order: whoever is woken at night reads from the top. */
const sections = ["Meaning", "Impact", "Diagnosis", "Mitigation"];
const contacts = "runbooks/contacts.md";
/** It says when pages are reviewed, those about regulations too. */
const overview = "runbooks/README.md";
/** Nobody is woken to read these. */
const noAlert: ReadonlySet<string> = new Set([contacts, overview, "runbooks/threat-model.md"]);

/** What a page may name. */
export interface Known {
  /** Whether something is there, by its path below the checkout. */
  exists(path: string): boolean;
  readonly owners: readonly string[];
  /** Options by command. */
  readonly commands: ReadonlyMap<string, readonly string[]>;
  readonly packageScripts: readonly string[];
}

/**
 * What is wrong with the pages of runbooks/, those that the bench writes excepted: not reviewed in time, without an owner or a
 * section, or naming something that is not there.
 *
 * @param root the checkout @param today decides what is overdue
 */
export async function runbookProblems(root: string, today: Date): Promise<string[]> {
  const known: Known = {
    exists: (path) => existsSync(join(root, path)),
    owners: [...readFileSync(join(root, contacts), "utf8").matchAll(/^\| `([\w-]+)` \|/gm)].map(
      ([, name = ""]) => name,
    ),
    commands: new Map(
      commandsOf(await loadOperations()).map((one) => [one.name, optionsOf(one).map(({ name }) => name)]),
    ),
    packageScripts: packageScripts(root),
  };
  const pages = globSync("runbooks/*.md", { cwd: root }).filter((path) => !/\/bench[^/]*$/.test(path));
  return [
    ...pages
      .toSorted()
      .flatMap((path) => pageProblems(path, readRunbookPage(readFileSync(join(root, path), "utf8")), known, today)),
    ...numberProblems(globSync("runbooks/decisions/*.md", { cwd: root })),
  ];
}

/** Two people who write a decision at the same time take the same number, and a link by number then leads to either. */
export function numberProblems(decisions: readonly string[]): string[] {
  const byNumber = Map.groupBy(decisions.toSorted(), (path) => basename(path).slice(0, 4));
  return [...byNumber].flatMap(([number, [first, ...others]]) =>
    others.map((path) => `${path}: the number ${number} is taken by ${first}. Give it the next free number.`),
  );
}

/** @param path of the page below the checkout */
export function pageProblems(path: string, page: RunbookPage, known: Known, today: Date): string[] {
  const problems = [
    ...reviewProblems(page, known, today),
    ...(path === overview ? [] : regulationProblems(page)),
    ...(noAlert.has(path) ? [] : sectionProblems(page)),
    ...page.links.filter((link) => !known.exists(join(dirname(path), link))).map((link) => `there is no ${link}`),
    ...page.inlineCode.flatMap((code) => nameProblems(code, known)),
    ...[...page.inlineCode, ...page.scripts].flatMap((code) => commandProblems(code, known)),
  ];
  return problems.map((problem) => `${path}: ${problem}.`);
}

function reviewProblems({ frontMatter }: RunbookPage, { owners }: Known, today: Date): string[] {
  if (frontMatter === undefined) return ["it does not begin with owner, reviewed and review-every-days (90 at most)"];
  const { owner } = frontMatter;
  const due = reviewDue(frontMatter);
  return [
    ...(owners.includes(owner) ? [] : [`its owner ${owner} is not in ${contacts}`]),
    ...(due >= today
      ? []
      : [`its review has been due since ${due.toISOString().slice(0, 10)}: read it, try it, date it`]),
  ];
}

function regulationProblems({ frontMatter, regulated }: RunbookPage): string[] {
  return regulated && frontMatter !== undefined && frontMatter["review-when"] === undefined
    ? ["it names a regulation, or `privacy`: put 'review-when: regulations' at its top"]
    : [];
}

function sectionProblems(page: RunbookPage): string[] {
  const told = page.sections.filter((section) => sections.includes(section)).join(", ");
  return told === sections.join(", ") ? [] : [`its sections are not ${sections.join(", ")}`];
}

const folders = /^(?:\.github|actions|runbooks|scripts|test)\/[\w./-]+$/;
const workflow = /^[\w-]+\.yml$/;

function nameProblems(code: string, { exists }: Known): string[] {
  const path = workflow.test(code) ? `.github/workflows/${code}` : folders.test(code) ? code : undefined;
  return path === undefined || exists(path) ? [] : [`there is no ${path}`];
}

/** `npx lifeboat <command> --option …` and `npm run <script>`, wherever they stand. */
function commandProblems(code: string, known: Known): string[] {
  const called = [...code.matchAll(/\bnpx lifeboat ([\w-]+)([^\n|;&]*)/g)];
  const scripts = [...code.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = ""]) => name);
  return [
    ...called.flatMap(([, name = "", rest = ""]) => {
      const options = known.commands.get(name);
      if (options === undefined) return [`there is no command 'lifeboat ${name}'`];
      return [...rest.matchAll(/(?<=\s)--([\w-]+)/g)]
        .filter(([, option = ""]) => !options.includes(option))
        .map(([, option]) => `'lifeboat ${name}' has no --${option}`);
    }),
    ...scripts.filter((name) => !known.packageScripts.includes(name)).map((name) => `there is no 'npm run ${name}'`),
  ];
}
