import type { RetryPolicy } from "../base/flow/retry.ts";
import type { Log } from "../base/log.ts";
import { type Environment, readFormerKeys } from "../config/environment.ts";
import type { Config, Section } from "../config/load.ts";
import type { RunIdentity } from "../report/run/run-report.ts";
import type { Signer } from "../seal/keys/keyring.ts";
import type { UnlockedKey } from "../seal/keys/private-key.ts";
import type { IncidentGate } from "../vault/incident/state.ts";
import type { Vault } from "../vault/s3/client.ts";

export interface Opened {
  /** With every section that the operation needs. */
  readonly config: Config;
  readonly log: Log;
  /** Aborted by Ctrl-C, or when the job is cancelled. */
  readonly signal: AbortSignal;
  /** Which run this is. */
  readonly run: RunIdentity;
  readonly retry?: Partial<RetryPolicy> | undefined;
}

type VaultSection = "vault" | "storageVault" | "replica";

/**
 * What an operation works with, opened once by the edge and handed on to the operations that it calls. Vaults and keys are
 * opened when they are first asked for; the edge closes them.
 */
export class Context implements Disposable {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly run: RunIdentity;
  readonly env: Environment;
  /** Who works, in words for people who wait for it; undefined for a person's run, which the verbs name themselves. */
  readonly holder: string | undefined;
  readonly #config: Config;
  readonly #retry: Partial<RetryPolicy> | undefined;
  readonly #vaults: { [S in VaultSection]?: Promise<Vault> } = {};
  readonly #closing = new DisposableStack();

  constructor({ config, log, signal, run, retry }: Opened) {
    this.log = log;
    this.signal = signal;
    this.run = run;
    this.env = config.env;
    this.holder = run.event === "by-hand" ? undefined : `${run.workflow}, run ${run.runId}`;
    this.#config = config;
    this.#retry = retry;
  }

  /** The configuration with these sections, which the declaration's `needs` names. */
  config<Needed extends Section = never>(...needed: readonly Needed[]): Config<Needed> {
    const missing = needed.filter((section) => !this.has(section));
    if (missing.length > 0)
      throw new Error(`The operation uses ${missing.join(", ")} and does not declare to need it.`);
    // Complete: none is missing.
    return this.#config as Config<Needed>;
  }

  /** Whether the declaration's `needs` has named it for this run. */
  has(section: Section): boolean {
    return section in this.#config;
  }

  /** Who works, for what is kept, as far as the run knows it. */
  get who(): string {
    return this.holder ?? `by hand, ${this.run.runId}`;
  }

  /** The vault of the database's sets. */
  vault(): Promise<Vault> {
    return this.#vault("vault");
  }

  /** The vault of the files' snapshots. */
  files(): Promise<Vault> {
    return this.#vault("storageVault");
  }

  /** The bucket to which both are replicated; undefined where none is set, or the declaration does not ask for it. */
  async replica(): Promise<Vault | undefined> {
    return this.has("replica") ? await this.#vault("replica") : undefined;
  }

  /**
   * Refuses what forgets while an incident is on in any bucket that the operation works on; one that works on none cannot tell.
   * @throws ConfigurationError `incident-on`
   */
  async assertNoIncident(what: string): Promise<void> {
    const { assertNoIncident } = await import("../vault/incident/state.ts");
    const verify = await (await configured()).releaseVerifier(this.#config);
    for (const vault of await this.#vaultsAtWork()) await assertNoIncident(vault, verify, what);
  }

  /** Asks the same again, before each removal. @throws (the gate) OperationError `incident-on` */
  async incidentGate(): Promise<IncidentGate> {
    const { incidentGate } = await import("../vault/incident/state.ts");
    const verify = await (await configured()).releaseVerifier(this.#config);
    return incidentGate(await this.#vaultsAtWork(), verify);
  }

  async #vaultsAtWork(): Promise<Vault[]> {
    const sections = (["vault", "storageVault"] as const).filter((section) => this.has(section));
    if (sections.length === 0) throw new Error("The operation forgets something and does not declare to need a vault.");
    return Promise.all(sections.map((section) => this.#vault(section)));
  }

  #vault(section: VaultSection): Promise<Vault> {
    this.#vaults[section] ??= this.#open(section);
    return this.#vaults[section];
  }

  async #open(section: VaultSection): Promise<Vault> {
    const settings = this.config(section)[section];
    const { openVault } = await import("../vault/s3/client.ts");
    return this.#closing.use(openVault({ ...settings, ...(this.#retry && { retry: this.#retry }) }));
  }

  /** Whose signatures on manifests count. */
  async signers(): Promise<Signer[]> {
    return (await configured()).trustedSigners(this.#config);
  }

  /** The private key that opens sets. @throws ConfigurationError as `readPrivateKey` */
  async openingKey(): Promise<UnlockedKey> {
    return (await configured()).openingKey(this.config("opening"));
  }

  /** The private key that signs. @throws ConfigurationError as `readPrivateKey` */
  async signingKey(): Promise<UnlockedKey> {
    return (await configured()).signingKey(this.config("signing"));
  }

  /** What a sync may open older lists with. @throws ConfigurationError as `readPrivateKey` */
  async formerKeys() {
    return (await configured()).unlockFormerKeys(readFormerKeys(this.env));
  }

  [Symbol.dispose](): void {
    this.#closing.dispose();
  }
}

// Loaded when it is needed: a verb without a vault starts without the store's client.
const configured = () => import("../vault/configured.ts");
