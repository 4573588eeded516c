import { withClient } from "../connection.ts";
import { createProject, dropProject, type LabProject } from "../project.ts";
import type { ArchivedPostgres } from "../servers/archived-postgres.ts";
import { type RunningStorage, startStorage } from "../storage/index.ts";
import type { Backing } from "./backing.ts";
import { startPooler } from "./pooler.ts";
import type { Project } from "./project.ts";
import { legacyKey } from "./routes/keys.ts";
import type { World } from "./world.ts";

/** The lab's databases and files behind the projects of a world. */
export interface LabBacking extends Backing {
  /** Puts what the lab has behind a project of the world; nothing of it is removed at the end. */
  adopt(project: Project, lab: LabProject, more?: More): Promise<void>;
  /** To look at what the world has made. @throws where there is nothing behind it */
  lab(ref: string): LabProject;
  /** Its files; every project has some storage, reached below the world's own address. */
  storage(ref: string): RunningStorage;
}

interface More {
  /** Its cluster, so that it can be restored. */
  readonly archive?: ArchivedPostgres;
  /** Folder where the bytes of its files lie; default: a new one. */
  readonly files?: string;
}

interface Behind {
  lab: LabProject;
  readonly storage: RunningStorage;
  readonly archive: ArchivedPostgres | undefined;
  readonly ours: boolean;
}

/**
 * Gives the world real databases. Projects that it makes become databases in the cluster of `superuserUrl`: one without a seeded source,
 * for roles are the cluster's.
 */
export async function backByLab(world: World, superuserUrl: string): Promise<LabBacking> {
  const all = new Map<string, Behind>();
  const at = (ref: string): Behind => {
    const found = all.get(ref);
    if (found === undefined) throw new Error(`Nothing stands behind project ${ref}.`);
    return found;
  };
  const pooler = await startPooler(world, (ref) => {
    const found = all.get(ref);
    if (found === undefined) return undefined;
    const { hostname: host, port } = new URL(found.lab.superuserUrl);
    return { host, port: Number(port), database: found.lab.name };
  });
  const put = async (project: Project, lab: LabProject, more: More & { ours?: boolean } = {}): Promise<void> => {
    const { ref, region } = project;
    const keys = {
      accessKeyId: ref,
      secretAccessKey: legacyKey(project, "anon"),
      sessionToken: legacyKey(project, "service_role"),
    };
    const folder = more.files === undefined ? {} : { folder: more.files };
    const storage = await startStorage(lab, { credentials: keys, region, base: `/project/${ref}`, ...folder });
    all.set(ref, { lab, storage, archive: more.archive, ours: more.ours ?? false });
  };
  const query = (ref: string, sql: string, values: unknown[] = []) =>
    withClient(at(ref).lab.superuserUrl, async (client) => (await client.query(sql, values)).rows[0]);
  const remove = async (ref: string): Promise<void> => {
    const found = all.get(ref);
    all.delete(ref);
    pooler.cut(ref);
    await found?.storage.stop();
    if (found?.ours) await dropProject(superuserUrl, found.lab.name);
  };
  const backing: LabBacking = {
    adopt: put,
    lab: (ref) => at(ref).lab,
    storage: (ref) => at(ref).storage,
    create: async (project) => put(project, await createProject(superuserUrl, `made_${project.ref}`), { ours: true }),
    async stop({ ref }) {
      pooler.cut(ref);
      await at(ref).archive?.stop();
    },
    async restore({ ref }, moment, empty) {
      const found = at(ref);
      if (found.archive === undefined) throw new Error(`Project ${ref} has no archive: it cannot be restored.`);
      await found.archive.restoreTo(moment);
      if (!empty) return;
      const url = found.archive.running.superuserUrl();
      await dropProject(url, found.lab.name);
      found.lab = await createProject(url, found.lab.name);
    },
    remove: ({ ref }) => remove(ref),
    address: async () => ({ host: "127.0.0.1", port: pooler.port, database: "postgres" }),
    async usedBytes({ ref, disk }) {
      if (!all.has(ref)) return disk.usedBytes;
      return Number((await query(ref, "select pg_database_size(current_database()) as bytes"))?.["bytes"]);
    },
    async rootKey({ ref }) {
      const row = await query(
        ref,
        `select substr(setting, 20) as key from pg_db_role_setting s, unnest(s.setconfig) setting
          where setdatabase = (select oid from pg_database where datname = current_database()) and setting like 'lab.vault_root_key=%'`,
      );
      return row?.["key"];
    },
    async setRootKey({ ref }, key) {
      const { name } = at(ref).lab;
      await query(ref, `alter role supabase_admin in database "${name}" set lab.vault_root_key = '${key}'`);
    },
    async [Symbol.asyncDispose]() {
      for (const ref of [...all.keys()]) await remove(ref);
      await pooler[Symbol.asyncDispose]();
    },
  };
  world.backing = backing;
  return backing;
}
