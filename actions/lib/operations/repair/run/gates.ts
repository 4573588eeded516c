import { ConfigurationError } from "../../../base/errors.ts";
import { few } from "../../../base/measures.ts";
import type { VerifyRelease } from "../../../vault/published/signed-manifest.ts";
import type { Context } from "../../context.ts";
import { idsOn, readStates } from "../../incident/vaults.ts";
import { admitTarget, refuseUntold } from "../../target/whose.ts";

/**
 * A repair during an incident is somebody's decision about that incident: it has to be named.
 * @throws ConfigurationError `incident-on`, `incident-not-on`
 */
export async function admitIncident(context: Context, named: string | undefined, verify: VerifyRelease): Promise<void> {
  const states = await readStates(context, verify);
  const on = states.filter(({ state }) => state.on);
  const ids = idsOn(states);
  if (on.length === 0) {
    if (named === undefined) return;
    throw new ConfigurationError("incident-not-on", `No incident ${named} is on.`, "Leave --incident out.");
  }
  if (named !== undefined && (ids.includes(named) || ids.length === 0)) return;
  const [first] = on;
  const which = ids.length === 0 && first?.state.on === true ? first.state.reason : few(ids);
  throw new ConfigurationError(
    "incident-on",
    `An incident is on (${which}), and the repair does not name it.`,
    `Nothing was changed. Ask whoever leads it; then give its id: --incident ${ids[0] ?? "ID"}.`,
  );
}

/** The target may be production: then its ref has been typed. @throws ConfigurationError as `admitTarget` and `refuseUntold` */
export async function admitRepair(context: Context, fromSet: string | null, typed: string | undefined): Promise<void> {
  const { log, signal } = context;
  const config = context.config("target");
  const { target, policy } = config;
  const asked = { what: "the project that the rows belong to", typed };
  const whose = await admitTarget({ ...{ config, fromSet, log, signal }, ...asked });
  refuseUntold(whose, { ...asked, target, prefix: policy.targets[target.name]?.env ?? "TARGET" });
}
