import type { Command } from "./command.ts";

/** A command as the overview knows it; its module is loaded only when it is called, so that help is quick. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "check",
    summary: "Says whether a backup could run now, and what to do about what is not as it should be.",
    load: async () => (await import("./check.ts")).check,
  },
  {
    name: "keys",
    summary: "Makes the four keys, checks them against the policy's pins, changes who can open existing sets.",
    load: async () => (await import("./keys.ts")).keys,
  },
  {
    name: "backup",
    summary: "Makes one sealed, signed backup set in the vault.",
    load: async () => (await import("./backup.ts")).backup,
  },
  {
    name: "sync",
    summary: "Copies new and changed files of Storage into the vault and publishes a sealed, signed snapshot of all.",
    load: async () => (await import("./sync.ts")).sync,
  },
  {
    name: "list",
    summary: "Lists the backup sets of the vault, newest first.",
    load: async () => (await import("./list.ts")).list,
  },
  {
    name: "verify",
    summary:
      "Reads a set again and compares every stored byte with its signed manifest; deep: opens it as well. With --files a snapshot of the files.",
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "thaw",
    summary: "Brings an archived set back from Glacier for some days, after telling the time and the price.",
    load: async () => (await import("./thaw.ts")).thaw,
  },
  {
    name: "restore",
    summary: "Restores a set into an empty database and compares the result with what was backed up.",
    load: async () => (await import("./restore.ts")).restore,
  },
  {
    name: "restore-files",
    summary: "Brings the files of a snapshot back into a project, or into a folder, and reads them back.",
    load: async () => (await import("./restore-files.ts")).restoreFiles,
  },
  {
    name: "prove",
    summary: "Compares a database, restored or in use, with a set, and says equal or what differs. Writes nothing.",
    load: async () => (await import("./prove.ts")).prove,
  },
  {
    name: "test-restore",
    summary:
      "Restores a set into the staging project, looks whether the application can live with it, and signs a proof.",
    load: async () => (await import("./test-restore.ts")).testRestore,
  },
  {
    name: "export",
    summary: "Loads one table of a weekly set's JSON export into an empty table and compares it with the set.",
    load: async () => (await import("./export.ts")).exports,
  },
  {
    name: "policy",
    summary: "Compares what is promised (RTO, RPO) with what schedules, plan, thaw and the vault really allow.",
    load: async () => (await import("./policy.ts")).policy,
  },
  {
    name: "report",
    summary: "Writes the pages of the run reports into a folder: what a restore would come to now, runs, history.",
    load: async () => (await import("./report.ts")).report,
  },
  {
    name: "upkeep",
    summary:
      "Removes from the vaults what unfinished runs left and what the policy no longer keeps, and extends the files' locks. A schedule does it once a week.",
    load: async () => (await import("./upkeep.ts")).upkeep,
  },
];
