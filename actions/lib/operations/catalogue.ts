import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Operation, reportName } from "./operation.ts";

const here = new URL(".", import.meta.url);

export interface Verb extends Operation {
  /** That declares it, below this one. */
  readonly folder: string;
}

/** Every verb, by name: each folder beside this file that declares one. */
export async function loadOperations(): Promise<readonly Verb[]> {
  const folders = readdirSync(here).filter((name) => existsSync(fileURLToPath(new URL(`${name}/operation.ts`, here))));
  const declared = folders.map(async (folder) => {
    const module: { readonly default: Operation } = await import(
      /* @vite-ignore */ new URL(`${folder}/operation.ts`, here).href
    );
    return { ...module.default, folder };
  });
  return (await Promise.all(declared)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** How runs are called, by the verbs that declare it. */
export interface Names {
  /** For people: `Restore test`. */
  label(operation: string): string;
  /** What a workflow does, by its file's name, and the page for when it failed; undefined for one that is not reported. */
  ofWorkflow(workflow: string): { readonly operation: string; readonly runbook: string } | undefined;
  /** Those that a watcher outside hears of. */
  readonly watched: readonly string[];
}

export function namesOf(operations: readonly Operation[]): Names {
  const labels = new Map(
    operations.flatMap((one) => (one.reported?.label === undefined ? [] : [[reportName(one), one.reported.label]])),
  );
  const watched = operations.filter(({ reported }) => reported?.watched === true).map(reportName);
  return {
    // Reports of a verb that is gone, or of one that a newer version brought, are told as well.
    label: (name) => labels.get(name) ?? `${name.charAt(0).toUpperCase()}${name.slice(1).replaceAll("-", " ")}`,
    ofWorkflow: (workflow) => {
      const found = operations.find(({ reported }) => reported?.workflows?.includes(workflow));
      return found && { operation: reportName(found), runbook: found.runbook ?? "runbooks/backup-failed.md" };
    },
    watched: [...new Set(watched)],
  };
}
