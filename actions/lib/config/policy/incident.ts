import { z } from "zod";

/** What holds while an incident is on (`lifeboat incident`). */
export const incidentPolicySchema = z
  .strictObject({
    /** Days after which one that is still on is an alarm: until it ends nothing is removed and no new set counts as a good one. */
    longestDays: z.number().int().min(1).max(365).default(7),
    /** Who has to hear of one, in words: people, roles, authorities. `lifeboat incident begin` prints them. */
    tell: z.array(z.string().min(1).max(200)).max(20).default([]),
  })
  .prefault({});

export type IncidentPolicy = z.output<typeof incidentPolicySchema>;
