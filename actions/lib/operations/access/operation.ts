import { z } from "zod";
import { field } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "access",
  summary: "Says who can open, restore, remove, approve and read as of now; with --since what has changed.",
  details: [
    "From the keys that the policy pins, GitHub's environments and collaborators (GITHUB_REPOSITORY, GITHUB_TOKEN), and the roles that",
    "Lifeboat makes in AWS. What cannot be asked is named. For a review keep the result: lifeboat access --json > access.json",
  ].join("\n"),
  inputs: z.object({
    since: field(z.string().min(1).optional(), {
      value: "FILE",
      help: "an earlier result (--json): says what was given and taken since",
    }),
  }),
  needs: () => [],
  writes: [],
  runbook: "runbooks/access-review.md",
  async run(context, { since }) {
    const { runAccess } = await import("./run-access.ts");
    return runAccess(context, since);
  },
});
