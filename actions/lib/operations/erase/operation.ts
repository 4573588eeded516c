import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { optional } from "../../config/environment.ts";
import { setId } from "../../vault/format/manifest.ts";
import { dryRun, field, flag, target, why } from "../field.ts";
import { defineOperation, when } from "../operation.ts";

const subjectSetting = "ERASURE_SUBJECT";

export default defineOperation({
  name: "erase",
  summary: "Erases a person: a plan with counts, then the ledger that every restore obeys, and the database in use.",
  details: [
    "What erasing means is in the policy (`erasure`): how a person's rows and files are found, what becomes of them, what is kept and why.",
    "First --dry-run: it plays the erasure in the target's transaction, rolls it back, and says what it found and a hash. Then the same with",
    "--plan-hash: an entry goes into the ledger, which names nobody, and no road back brings the rows again. --live erases the target too.",
    `The person is given in ${subjectSetting}, or with --subject where nobody reads the command line.`,
    "Reads S3_BACKUP_BUCKET, the AWS_* settings, RESTORE_PRIVATE_KEY (operations or escrow), RESTORE_PASSPHRASE and TARGET_DATABASE_URL.",
  ].join("\n"),
  inputs: z.object({
    subject: field(z.string().min(1).optional(), {
      ...{ value: "ID", help: `who, as the table of people has it (default: ${subjectSetting})` },
      only: { edge: "command", why: "what a workflow is started with can be read by everybody who sees the run" },
    }),
    by: field(z.string().default("id"), {
      ...{ value: "NAME", help: "what that is: id (by default), or one of the policy's identifiers" },
    }),
    consent: field(z.string().optional(), {
      ...{ value: "NAME", help: "withdraw this consent of the policy; erase nothing else" },
    }),
    live: flag("erase in the target too, which is the database in use"),
    gone: flag("the application has erased the person already: only the restores have to know"),
    most: field(z.coerce.number().int().positive().optional(), {
      ...{ value: "N", help: "rows of a table that a restore may take at most (default: by the policy)" },
      form: "a whole number",
    }),
    request: field(setId.optional(), {
      ...{ value: "ID", help: "the request that this answers, as --received has noted it" },
    }),
    received: field(z.iso.date().optional(), {
      ...{ value: "DAY", help: "only note that a request came on this day: the monitor watches its term" },
      form: "a day like 2026-11-30",
    }),
    refused: field(setId.optional(), {
      ...{ value: "ID", help: "only note that this request was answered without an erasure" },
    }),
    planHash: field(z.string().optional(), {
      ...{ value: "HASH", help: "of the plan that was reviewed, its first 16 digits at least" },
    }),
    ...target,
    ...why,
    production: field(z.string().optional(), {
      value: "REF",
      help: "the target is the project itself: its ref, typed",
    }),
    ...dryRun,
  }),
  needs: ({ received, refused }) => [
    ...(["vault", "opening"] as const),
    ...when(received === undefined && refused === undefined, "target"),
  ],
  refuse({ dryRun, planHash, consent, gone, live, received, refused }) {
    const wrong = (what: string, next: string): never => {
      throw new ConfigurationError("usage", what, next);
    };
    if (received !== undefined || refused !== undefined) {
      if (dryRun || planHash !== undefined || (received !== undefined && refused !== undefined))
        wrong("received and refused only note something.", "Leave everything else out.");
      return;
    }
    if (!dryRun && planHash === undefined)
      wrong(
        "erase needs the hash of a plan.",
        "Run it with --dry-run first, look at the plan, and give its --plan-hash.",
      );
    if (gone && (live || consent !== undefined))
      wrong("gone says that nothing is left to do in the database.", "Leave --live and --consent out.");
  },
  writes: ["target", "vault"],
  forgets: ({ dryRun, received, refused }) =>
    dryRun || received !== undefined || refused !== undefined ? undefined : "erases a person's rows",
  interrupted: {
    left: "Once the ledger has the entry, no restore brings the rows back; the database has all of the erasure or nothing.",
    next: "Run the same command again, with the same hash: it finishes what is left.",
  },
  runbook: "runbooks/compliance/gdpr-erasure.md",
  reported: { label: "Erasure" },
  action: { folder: "erase-subject", name: "Erase a person" },
  outputs: {
    outcome: "planned, erased, received or refused",
    request: "Id of a request that was noted",
    "plan-hash": "Hash of the plan, for plan-hash",
    erasure: "Id of the erasure in the ledger",
    rows: "Rows that the plan has found",
  },
  async run(
    context,
    { received, refused, subject, by, consent, live, gone, most, request, planHash, production, dryRun },
  ) {
    const { runErase } = await import("./run-erase.ts");
    const { reportErase, reportRegistered } = await import("./page.ts");
    if (received !== undefined || refused !== undefined) {
      const { receiveRequest, refuseRequest } = await import("./register.ts");
      return reportRegistered(
        received === undefined ? await refuseRequest(context, refused ?? "") : await receiveRequest(context, received),
      );
    }
    const value = subject ?? optional(context.env, subjectSetting);
    if (value === undefined)
      throw new ConfigurationError("usage", "Nobody is named.", `Set ${subjectSetting}, or give --subject.`);
    return reportErase(
      await runErase(context, {
        ...{ subject: value, by, gone, live, most, planHash, production, dryRun },
        ...{ consent: consent ?? null, request: request ?? null },
      }),
    );
  },
});
