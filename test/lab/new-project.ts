import { parseConnectionUrl } from "../../actions/lib/config/connection-url.ts";
import { recordNewProject } from "../../actions/lib/platform/record.ts";
import { connect } from "../../actions/lib/source/connect.ts";
import { createProject, dropProject } from "./project.ts";

/**
 * Records what a new project of the lab has, as scripts/record-platform.ts does of a real one: the lab's schemas are
 * modelled, not copied, so what comes with Lifeboat knows none of them. To be named by LIFEBOAT_BASELINES.
 */
export async function recordLabProjects(superuserUrls: readonly string[], folder: string): Promise<void> {
  for (const url of superuserUrls) {
    const name = `lab_new_project_${process.pid}`;
    const project = await createProject(url, name);
    const client = await connect(parseConnectionUrl(project.superuserUrl), { applicationName: "lifeboat/lab" });
    try {
      await recordNewProject(client, folder, "the lab");
    } finally {
      await client.end();
      await dropProject(url, name);
    }
  }
}
