import { inspect } from "node:util";

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
