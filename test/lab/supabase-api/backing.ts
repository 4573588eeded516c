import type { Project } from "./project.ts";

/** Real databases behind the projects of a world: what it does with them. */
export interface Backing extends AsyncDisposable {
  /** A project has come up: its database is there, new. */
  create(project: Project): Promise<void>;
  /** Its database does not answer any more until it is restored. */
  stop(project: Project): Promise<void>;
  /** Its database is again what it was at `moment` (milliseconds since 1970); `empty`: only that nothing is in it. */
  restore(project: Project, moment: number, empty: boolean): Promise<void>;
  remove(project: Project): Promise<void>;
  /** Where its session pooler listens. */
  address(project: Project): Promise<{ readonly host: string; readonly port: number; readonly database: string }>;
  /** Of its disk; undefined: as the world says. */
  usedBytes(project: Project): Promise<number | undefined>;
  /** Of Vault, 64 hexadecimal digits. */
  rootKey(project: Project): Promise<string | undefined>;
  setRootKey(project: Project, key: string): Promise<void>;
}
