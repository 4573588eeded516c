import { z } from "zod";

const channel = z.enum(["slack", "email", "issue"]);
export type ChannelName = z.infer<typeof channel>;

/** Who is told what. A channel that is named here and not set in the environment is passed over. */
export const notifyPolicySchema = z
  .strictObject({
    /** A run that failed, at once. */
    failure: z
      .strictObject({
        channels: z.array(channel).default(["slack", "email", "issue"]),
        /** `first`: the first that takes it; the next one is told when it does not. `all`: every one. */
        reach: z.enum(["first", "all"]).default("first"),
      })
      .prefault({}),
    /** One message a day about all that ran, sent by the first run that ends after this hour (UTC). Null: none. */
    summary: z
      .strictObject({
        channels: z.array(channel).default(["slack", "email"]),
        reach: z.enum(["first", "all"]).default("first"),
        hour: z.number().int().min(0).max(23).nullable().default(4),
      })
      .prefault({}),
  })
  .prefault({});

export type NotifyPolicy = z.output<typeof notifyPolicySchema>;
