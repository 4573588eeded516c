import { resolve } from "node:path";
import { z } from "zod";
import { countOf } from "../../base/measures.ts";
import { hasFilesVault } from "../../config/vault-location.ts";
import { dryRun, field } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

export default defineOperation({
  name: "report",
  summary: "Writes the pages of the run reports into a folder: what a restore would bring back now, runs, history.",
  details:
    "Reads S3_BACKUP_BUCKET and the AWS_* settings, unless --from is given. Nothing is committed: that does actions/publish-report.",
  inputs: z.object({
    out: field(z.string(), {
      ...{ value: "FOLDER", help: "where the pages go; runs that lie there already are told as well" },
    }),
    from: field(z.string().optional(), {
      ...{ value: "FOLDER", help: "take the runs from a checkout of the branch reports, not from the vault" },
    }),
    ...dryRun,
  }),
  needs: ({ from }, env) => (from === undefined ? ["vault", ...when(hasFilesVault(env), "storageVault")] : []),
  writes: ["folder"],
  async run(context, { out, from, dryRun }) {
    const { buildPages } = await import("../../report/branch/build-pages.ts");
    const { findPromiseJudge } = await import("../policy-check/promise-check.ts");
    const { openSource } = await import("../publish/vault-reports.ts");
    const now = new Date();
    const config = context.config();
    const promises = await findPromiseJudge(config, context.log);
    const common = { project: config.policy.project.name, notes: [], promises, now };
    const source = from === undefined ? await openSource(context) : undefined;
    const [told, standing] = await Promise.all([source?.reports(), source?.standing()]);
    const { reports = [], refused = [] } = told ?? {};
    const base = from === undefined ? {} : { base: resolve(from) };
    const { changed, ...built } = buildPages(resolve(out), { ...common, reports, standing }, { ...base, dryRun });
    const foreign = [...built.foreign, ...refused];
    for (const path of foreign.slice(0, 20))
      context.log.warn(`${path} is not in the form of a report, and is passed over.`);
    const page = resolve(out, "index.html");
    const amount = countOf(changed.length, "file");
    const line = dryRun
      ? `Dry run: ${amount} would change in ${resolve(out)}.`
      : `${amount} changed; the page is ${page}`;
    return { result: { page, changed, foreign }, lines: [line] };
  },
});
