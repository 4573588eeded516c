import { inspect } from "node:util";
import { ConfigurationError } from "../base/errors.ts";

/**
 * A value that must not be printed. Printing, joining, inspecting or serializing it gives `[secret]`;
 * only `reveal()` gives the text, so each place that uses a secret can be found by that name.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}

/** One thing that is wrong with the configuration; `text` never holds the value of a setting. */
export interface Problem {
  readonly setting: string;
  readonly text: string;
}

/** Gathers everything that is wrong, so that one run tells it all. */
export class Problems {
  readonly #list: Problem[] = [];

  add(setting: string, text: string): undefined {
    this.#list.push({ setting, text });
    return undefined;
  }

  /** Runs `work`; a ConfigurationError becomes a problem of `setting`. */
  attempt<T>(setting: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      return this.add(setting, [error.message, error.next].filter(Boolean).join(" "));
    }
  }

  list(): readonly Problem[] {
    return this.#list;
  }

  /** @throws ConfigurationError `configuration` that lists every problem. */
  throwIfAny(): void {
    if (this.#list.length === 0) return;
    const lines = this.#list.map(({ setting, text }) => `  ${setting}: ${text}`);
    const count = lines.length === 1 ? "One setting is" : `${lines.length} settings are`;
    throw new ConfigurationError(
      "configuration",
      `${count} missing or wrong:\n${lines.join("\n")}`,
      "Set them in the environment (see .env.example) or in the policy (lifeboat.config.ts), then run again.",
    );
  }
}
