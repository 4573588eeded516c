import type pg from "pg";
import { silentLog } from "../../actions/lib/base/log.ts";
import { loadConfig } from "../../actions/lib/config/load.ts";
import { applyRepair } from "../../actions/lib/operations/repair/apply/apply.ts";
import { readKeyring } from "../../actions/lib/seal/keys/keyring.ts";
import { pinnedKeys } from "../../actions/lib/seal/keys/pins.ts";
import { openingKey, releaseVerifier } from "../../actions/lib/vault/configured.ts";
import { openVault } from "../../actions/lib/vault/s3/client.ts";
import { openSession } from "../integration/repair-session.ts";

/**
 * A repair as a process of its own, which ends itself by SIGKILL at one of its outward calls, to the database or to the store: before
 * it, as soon as it is sent, or when it is answered. Without one it prints how many there were, and what they were.
 */
const { REPAIR_URL: url = "", REPAIR_PLAN: id = "", REPAIR_KILL: kill = "" } = process.env;
const [moment, when] = kill.split(" ");
const calls: string[] = [];
const die = (): void => void process.kill(process.pid, "SIGKILL");

async function call<Answer>(what: string, work: () => Promise<Answer>): Promise<Answer> {
  calls.push(what);
  const mine = String(calls.length) === moment;
  if (mine && when === "before") die();
  const answer = work();
  if (mine && when === "sent") setImmediate(die);
  await answer.catch(() => undefined);
  if (mine && when === "answered") die();
  return answer;
}

const config = await loadConfig({ needs: ["vault", "opening"], env: process.env });
const { recipients } = pinnedKeys(await readKeyring(config.publicKeys.armored), config.policy.keys);
const vault = openVault(config.vault);
const { put, transport } = vault;
const watched: typeof vault = Object.assign(vault, {
  put: (...[name, ...rest]: Parameters<typeof put>) => call(`put ${name.split("/").at(-1)}`, () => put(name, ...rest)),
  transport: {
    ...transport,
    request: (...[request, attempt]: Parameters<typeof transport.request>) =>
      call(request.operation, () => transport.request(request, attempt)),
  },
});
const key = await openingKey(config);
const connect = async (): Promise<pg.Client> => {
  const client = await openSession(url);
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  return Object.assign(client, {
    query(...args: unknown[]) {
      const [first] = args;
      const text = typeof first === "string" ? first : "copy";
      if (typeof first !== "string") return query(...args); // its stream is the caller's
      return call(text.trim().slice(0, 40), () => query(...args) as Promise<unknown>);
    },
  });
};
await applyRepair({
  ...{ connect, id, ref: null, by: "a runner", log: silentLog, mayFire: [] },
  store: {
    ...{ vault: watched, key, recipients, lockDays: 1 },
    partBytes: 5 * 1024 * 1024,
  },
  verify: await releaseVerifier(config),
  rules: { lockSeconds: 5, wholeOnly: false },
});
process.stdout.write(JSON.stringify(calls));
