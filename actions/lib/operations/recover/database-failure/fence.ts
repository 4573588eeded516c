import { z } from "zod";
import { describeCode, LifeboatError, OperationError } from "../../../base/errors.ts";
import type { Environment } from "../../../config/environment.ts";
import { readDataApi, writeDataApi } from "../../../supabase/data-api.ts";
import { type ManagementApi, projectPath } from "../../../supabase/management-api.ts";
import { quietInside } from "./quiet-inside.ts";

/** One way into a project that is to serve nobody any more, and whether it is shut. */
export interface Fence {
  readonly what: string;
  readonly done: boolean;
  /** Only from inside the database: not while it is silent. */
  readonly inside: boolean;
  /** How somebody opens it again, or why it is not shut. */
  readonly note: string;
}

const restrictions = z.object({
  config: z.object({
    dbAllowedCidrs: z.array(z.string()).default([]),
    dbAllowedCidrsV6: z.array(z.string()).default([]),
  }),
  status: z.string().optional(),
});

const innerWays = "cron jobs and webhooks";

/** Nobody has this address (RFC 5737): a list that is empty might be taken for one that allows all. */
const nobody = "192.0.2.1/32";

/**
 * Shuts a project off that has lost against another: whatever comes back in it must not work beside the one that serves now. Its Data API
 * goes off and its database and pooler let nobody in, so that what cron and webhooks would do ends with whoever could see it. Everything
 * can be opened again; nothing is removed. What could not be shut is told.
 */
export async function fenceOff(api: ManagementApi, ref: string, env: Environment): Promise<Fence[]> {
  return [
    // Before the network is shut: that lets us out, too.
    await shut(innerWays, "with these statements", async () => {
      const off = await quietInside(api, ref, env);
      return off.length === 0 ? "there are none" : off.map(({ what, on }) => `${what}: ${on}`).join(" ");
    }),
    await shut("Data API", "in the dashboard, Project Settings, Data API", async () => {
      const schemas = await readDataApi(api, ref);
      if (schemas !== "") await writeDataApi(api, ref, "");
      return `exposed schemas ${schemas || "none, as it was"}`;
    }),
    await shut("database and pooler", "in the dashboard, Database Settings, Network restrictions", async () => {
      await api.send("POST", `${restrictionsOf(ref)}/apply`, { dbAllowedCidrs: [nobody], dbAllowedCidrsV6: [] });
      // Read back: a 201 alone says nothing.
      if (!(await letsNobodyIn(api, ref)))
        throw new OperationError("fence-open", "the project took the restriction and does not keep to it");
      return `nobody but ${nobody} may connect`;
    }),
  ];
}

/** The ways in from outside that are open, as the API tells it now. @throws what the client throws */
export async function openWays(api: ManagementApi, ref: string): Promise<string[]> {
  return [
    ...((await readDataApi(api, ref)) === "" ? [] : ["Data API"]),
    ...((await letsNobodyIn(api, ref)) ? [] : ["database and pooler"]),
  ];
}

const restrictionsOf = (ref: string): string => projectPath(ref, "/network-restrictions");

async function letsNobodyIn(api: ManagementApi, ref: string): Promise<boolean> {
  const { config, status } = await api.get(restrictionsOf(ref), restrictions);
  const { dbAllowedCidrs, dbAllowedCidrsV6 } = config;
  // `stored` is noted for later, and lets everybody in until then.
  const applied = (status ?? "applied") === "applied";
  return applied && dbAllowedCidrs.length === 1 && dbAllowedCidrs[0] === nobody && dbAllowedCidrsV6.length === 0;
}

async function shut(what: string, again: string, work: () => Promise<string>): Promise<Fence> {
  const inside = what === innerWays;
  try {
    const more = await work();
    return { what, inside, done: true, note: `${more.replace(/;$/, "")}; open again ${again}` };
  } catch (error) {
    // What is a driver's may quote rows.
    return { what, inside, done: false, note: error instanceof LifeboatError ? error.message : describeCode(error) };
  }
}
