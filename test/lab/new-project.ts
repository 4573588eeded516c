import { readFile } from "node:fs/promises";
import type pg from "pg";
import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { connect } from "../../actions/lib/postgres/connect/connect.ts";
import { recordNewProject } from "../../actions/lib/supabase/platform/platform.ts";
import { createProject, dropProject } from "./project.ts";

const security = new URL("./qimma/sql/60-security.sql", import.meta.url);

/**
 * Records what a new project of the lab has, as scripts/record-platform.ts does of a real one: the lab's schemas are
 * modelled, not copied, so what comes with Lifeboat knows none of them. To be named by LIFEBOAT_BASELINES.
 *
 * Twice: projects of one lab cluster share its roles, so a new one may also stand beside a seeded one.
 */
export async function recordLabProjects(superuserUrls: readonly string[], folder: string): Promise<void> {
  for (const url of superuserUrls) {
    const name = `lab_new_project_${process.pid}`;
    const project = await createProject(url, name);
    const client = await connect(parseConnectionUrl(project.superuserUrl), { applicationName: "lifeboat/lab" });
    try {
      await recordNewProject(client, folder, "the lab");
      await client.query("begin");
      await seedRoles(client);
      await recordNewProject(client, folder, "the lab, beside Qimma");
      await client.query("rollback");
    } finally {
      await client.end();
      await dropProject(url, name);
    }
  }
}

/** What the seed of a project leaves in its whole cluster. */
async function seedRoles(client: pg.Client): Promise<void> {
  const sql = await readFile(security, "utf8");
  const parts = [/^do \$roles\$[\s\S]*?^\$roles\$;/m, /^alter role authenticator .*;$/m].map(
    (part) => part.exec(sql)?.[0],
  );
  for (const part of parts) {
    if (part === undefined)
      throw new Error(`The roles of the seed are no longer where they were in ${security.pathname}.`);
    await client.query(part);
  }
}
