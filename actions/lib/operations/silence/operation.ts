import { z } from "zod";
import { ConfigurationError } from "../../base/errors.ts";
import { checkIdPattern, longestSilenceDays } from "../../config/policy/monitor.ts";
import { dryRun, field, flag, reason, reasonField } from "../field.ts";
import { defineOperation } from "../operation.ts";

export default defineOperation({
  name: "silence",
  summary: "Silences a check of the monitor until a day, or ends its silence, by a change of the policy.",
  details: [
    `The silence holds once the change of lifeboat.config.ts is merged, for ${longestSilenceDays} days at most. The check goes on: the table, the summary and the`,
    "dashboard show it with the reason. When the day is over and it is still bad, people are told.",
  ].join("\n"),
  inputs: z.object({
    check: field(z.string().regex(checkIdPattern), {
      ...{ positional: true, help: "the check, as `lifeboat monitor` names it", form: "the name of a check" },
    }),
    until: field(z.iso.date().optional(), {
      ...{ value: "DATE", help: "the last day of the silence (UTC)", form: "a day, e.g. 2026-12-24" },
    }),
    reason: field(reason.optional(), { ...reasonField, help: "why, for everybody who reads the table" }),
    end: flag("end the silence of the check"),
    ...dryRun,
  }),
  refuse({ check, until, reason, end }) {
    if (end ? until === undefined && reason === undefined : until !== undefined && reason !== undefined) return;
    throw new ConfigurationError(
      "usage",
      end ? "--end takes neither --until nor --reason." : "A silence needs a last day and a reason.",
      end ? `lifeboat silence ${check} --end` : `lifeboat silence ${check} --until DATE --reason TEXT`,
    );
  },
  writes: ["folder"],
  async run(context, { check, until, reason, end, dryRun }) {
    const { silence } = await import("./run-silence.ts");
    return silence(context, { check, silence: end ? undefined : { until: until ?? "", reason: reason ?? "" }, dryRun });
  },
});
