import { parseArgs } from "node:util";
import { parseConnectionUrl } from "../actions/lib/config/connection-url.ts";
import { connect } from "../actions/lib/postgres/connect/connect.ts";
import { recordNewProject } from "../actions/lib/supabase/platform/platform.ts";

/**
 * Records what a new Supabase project has, so that a restore can tell the platform's from the user's: run it against a
 * project that nobody has touched, of a version that Lifeboat does not know yet, and commit what changes in
 * actions/lib/supabase/platform/baselines (or keep it in a folder that LIFEBOAT_BASELINES names).
 *
 *   TARGET_DATABASE_URL=… node scripts/record-platform.ts --label "17.6.1.054" [--into folder]
 */
const { values } = parseArgs({
  options: {
    label: { type: "string" },
    into: { type: "string", default: new URL("../actions/lib/supabase/platform/baselines/", import.meta.url).pathname },
  },
});
const url = process.env["TARGET_DATABASE_URL"];
if (url === undefined || values.label === undefined) {
  console.error('Usage: TARGET_DATABASE_URL=… node scripts/record-platform.ts --label "release" [--into folder]');
  process.exit(2);
}
const client = await connect(parseConnectionUrl(url), { applicationName: "lifeboat/record-platform" });
try {
  for (const [component, count] of await recordNewProject(client, values.into, values.label)) {
    console.log(`${component}: ${count} facts`);
  }
} finally {
  await client.end();
}
