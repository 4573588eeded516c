import { z } from "zod";

/**
 * Where incidents lie, in each bucket of the vault; nothing there is ever replaced.
 *
 *     incident/<id>/begin.json        what began it; signed where a key was at hand, and it counts without
 *     incident/<id>/api.json          signed: how the Data API was set before it was switched off
 *     incident/<id>/evidence/…        sealed to the recipients
 *     incident/<id>/end.json          signed, or it does not count; `end-<8 hex>.json` where somebody took the name
 */
export const incidentsPrefix = "incident/";
export const beginName = "begin.json";
export const apiName = "api.json";
export const endPattern = /^end(-[0-9a-f]{8})?\.json$/;

export const incidentPrefix = (id: string): string => `${incidentsPrefix}${id}/`;

/** Longest reason, in characters. */
export const mostReason = 500;

/** Looser than what is written: whatever a later version adds, it is an incident. */
export const beginSchema = z.looseObject({
  format: z.literal("lifeboat-incident/1"),
  incident: z.string(),
  reason: z.string(),
});

/** Strict: it lets go. */
export const endSchema = z.strictObject({
  format: z.literal("lifeboat-incident-end/1"),
  incident: z.string(),
  reason: z.string(),
  /** ISO 8601, by the clock of whoever ended it. */
  at: z.iso.datetime(),
  /** Who ended it, in words. */
  by: z.string(),
});

/** Strict: what it says is written to the project at the end. Never more than this one setting. */
export const apiSchema = z.strictObject({
  format: z.literal("lifeboat-incident-api/1"),
  incident: z.string(),
  projectRef: z.string(),
  /** Schemas that the Data API serves, exactly as the Management API gave them. */
  dbSchema: z.string().min(1),
  at: z.iso.datetime(),
});

export type ApiRecord = z.infer<typeof apiSchema>;
