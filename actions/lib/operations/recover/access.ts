import { homedir } from "node:os";
import { join } from "node:path";
import { ConfigurationError, LifeboatError } from "../../base/errors.ts";
import type { Clock } from "../../base/flow/clock.ts";
import { few } from "../../base/measures.ts";
import { optional } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { hasReplica } from "../../config/vault-location.ts";
import { type Recipient, readKeyring } from "../../seal/keys/keyring.ts";
import { signatureCounts } from "../../seal/keys/signature.ts";
import { releaseSigner, releaseVerifier } from "../../vault/configured.ts";
import { acquireLease, type Lease } from "../../vault/lease/lease.ts";
import { openVault, type Vault } from "../../vault/s3/client.ts";
import type { Context } from "../context.ts";
import { beginState, type Facts, type RecoveryState, readState, type StateAccess, type StateKeys } from "./state.ts";
import { folderStates, type StateStore, vaultStates } from "./state-store.ts";

/** One place where states may lie; those of a bucket are guarded by its lease. */
interface Place {
  readonly store: StateStore;
  readonly vault: Vault | undefined;
}

/** What is known of earlier recoveries, and where a new one may be noted. */
export interface Recoveries extends Disposable {
  /** Newest first, those that have ended as well. */
  readonly known: readonly RecoveryState[];
  /**
   * Begins one in the first place that takes it, under its lease, which `lease` then gives.
   * @param again somebody has said that it begins although another one may be under way
   * @throws ConfigurationError `lease-held`, `recovery-unfinished` when somebody else has begun one, `recovery-state-doubtful`; what the last
   * place says
   */
  begin(scenario: string, facts: Facts, what: string, again: boolean): Promise<RecoveryState>;
  /** Keeps everybody else off a recovery while it is worked at; undefined where its state is in a folder. @throws ConfigurationError `lease-held` */
  lease(state: RecoveryState): Promise<Lease | undefined>;
}

/** The lease of whoever recovers: one recovery at a time works in a vault. */
const recoveryLease = "recover";

/** Nobody recovers more often, and a run must not read for hours. */
const mostStates = 100;

/** A bucket whose region is gone must not keep a recovery waiting: it is one of several. */
const impatient = { attempts: 2, totalSeconds: 20, attemptSeconds: 10, stallSeconds: 10 } as const;

/**
 * Opens the states of all recoveries: of the vault's bucket, of the replica where one is set, and of a folder of this machine. A place that
 * cannot be read is warned of. What is written goes to the first that can be written: for a regional disaster the vault may be gone and the
 * replica read-only, and then the folder is all there is.
 *
 * @throws ConfigurationError `recovery-key` when the key's word on a state would not count
 */
export async function openRecoveries(context: Context, folder: string | undefined, clock: Clock): Promise<Recoveries> {
  const { log, env } = context;
  const keys = await stateKeys(context);
  const closing = new DisposableStack();
  const vaults = (await reachable(context)).map((vault) => closing.use(vault));
  const own =
    folder ??
    join(optional(env, "XDG_STATE_HOME") ?? join(optional(env, "HOME") ?? homedir(), ".local", "state"), "lifeboat");
  const places: Place[] = [
    ...vaults.map((vault) => ({ store: vaultStates(vault), vault })),
    { store: folderStates(own), vault: undefined },
  ];
  const homes = new Map<RecoveryState, Place>();
  /** Taken by `begin`, for whoever asks for it next. */
  const taken = new Map<RecoveryState, Lease>();
  const usable: Place[] = [];
  const doubts = new Map<string, string>();
  for (const place of places) {
    const access: StateAccess = { store: place.store, keys, clock };
    try {
      const ids = await place.store.list();
      if (ids.length > mostStates)
        doubts.set(place.store.where, `${place.store.where} (${ids.length} of them, ${mostStates} are read)`);
      for (const id of ids.slice(0, mostStates)) {
        const state = await readState(id, access, log, (what) => void doubts.set(id, what));
        if (state !== undefined) keepNewest(homes, state, place);
      }
      usable.push(place);
    } catch (error) {
      if (!(error instanceof LifeboatError)) throw error;
      log.warn(`Whether ${place.store.where} holds an unfinished recovery could not be read: ${error.message}`);
    }
  }
  return {
    known: [...homes.keys()].sort((a, b) => (a.begunAt < b.begunAt ? 1 : -1)),
    async begin(scenario, facts, what, again) {
      // What another place tells of the same recovery is known.
      for (const { id } of homes.keys()) doubts.delete(id);
      if (!again && doubts.size > 0) throw doubtful([...doubts.values()]);
      let refused: unknown;
      for (const place of usable) {
        const { store, vault } = place;
        let lease: Lease | undefined;
        try {
          lease = vault && (await acquireLease(vault, recoveryLease, { holder: `${scenario}, ${context.who}` }));
          // Somebody may have begun one since the states were read: of two that begin at once, one does.
          const known = new Set([...homes.keys()].map(({ id }) => id));
          for (const id of (await store.list()).slice(0, mostStates).filter((one) => !known.has(one)))
            refuseSecond(await readState(id, { store, keys, clock }, log, again ? undefined : doubted));
          const state = await beginState({ scenario, facts, human: { by: context.who, what } }, { store, keys, clock });
          homes.set(state, place);
          if (lease !== undefined) taken.set(state, lease);
          if (refused !== undefined) log.warn(`The recovery's state is kept in ${store.where}.${staysHere(place)}`);
          return state;
        } catch (error) {
          await lease?.release();
          if (!(error instanceof LifeboatError) || another.has(error.code)) throw error;
          log.warn(`${store.where} does not take the recovery's state: ${error.message}`);
          refused = error;
        }
      }
      throw refused;
    },
    async lease(state) {
      const held = taken.get(state);
      taken.delete(state);
      const vault = homes.get(state)?.vault;
      return (
        held ?? (vault && (await acquireLease(vault, recoveryLease, { holder: `${state.scenario}, ${context.who}` })))
      );
    },
    [Symbol.dispose]() {
      for (const lease of taken.values()) void lease.release();
      closing.dispose();
    },
  };
}

/**
 * Of one recovery that lies in several places the state that was written last, and of equal ones the first: a bucket's replica has them too,
 * some minutes later, and would call one unfinished that has ended.
 */
export function keepNewest<Home>(homes: Map<RecoveryState, Home>, state: RecoveryState, home: Home): void {
  const known = [...homes.keys()].find(({ id }) => id === state.id);
  if (known !== undefined && known.writes >= state.writes) return;
  if (known !== undefined) homes.delete(known);
  homes.set(state, home);
}

/** Somebody else is at work: no reason to look for another place. */
const another = new Set(["lease-held", "recovery-unfinished", "recovery-taken", "recovery-state-doubtful"]);

function refuseSecond(state: RecoveryState | undefined): void {
  if (state === undefined || state.ended !== null) return;
  throw new ConfigurationError(
    "recovery-unfinished",
    `Recovery ${state.id} (${state.scenario}) was begun just now by somebody else. A second one would make a second project.`,
    "Find out who, and let one of you go on.",
  );
}

function doubted(what: string): never {
  throw doubtful([what]);
}

/** A second recovery would make a second project. */
function doubtful(doubts: readonly string[]): ConfigurationError {
  return new ConfigurationError(
    "recovery-state-doubtful",
    `Whether a recovery is under way cannot be told: states of recoveries lie there that nobody trusted has sealed, or more than are read: ${few(doubts)}. Nothing was begun.`,
    "Somebody may have written over a recovery's state. Ask who recovers now and look for a new project in the dashboard. When there is neither, begin with --again; then find out who can write that bucket.",
  );
}

function staysHere({ vault }: Place): string {
  return vault === undefined ? " Take it up on this machine, or copy that folder to another." : "";
}

async function reachable({ env }: Context): Promise<Vault[]> {
  const vaults: Vault[] = [];
  if (optional(env, "S3_BACKUP_BUCKET") !== undefined) {
    const { vault } = await loadConfig({ needs: ["vault"], env });
    vaults.push(openVault({ ...vault, retry: impatient }));
  }
  if (hasReplica(env)) {
    const { replica } = await loadConfig({ needs: ["replica"], env });
    vaults.push(openVault({ ...replica, retry: impatient }));
  }
  return vaults;
}

async function stateKeys(context: Context): Promise<StateKeys> {
  const config = context.config();
  const verify = await releaseVerifier(config);
  const sign = await releaseSigner(context.env);
  const pins = config.policy.keys.recipients;
  const { recipients } = await readKeyring(config.publicKeys.armored);
  const people: Recipient[] = recipients.filter(({ fingerprint }) =>
    [pins.operations, pins.escrow].includes(fingerprint),
  );
  if (sign === undefined || people.length === 0 || !(await signatureCounts(sign, verify)))
    throw new ConfigurationError(
      "recovery-key",
      "RESTORE_PRIVATE_KEY is neither the operations nor the escrow key that the policy pins: what a recovery notes would not be believed when it is taken up.",
      "Use the operations key, or the escrow key, with its passphrase.",
    );
  return { opening: await context.openingKey(), sign, verify, recipients: people };
}
