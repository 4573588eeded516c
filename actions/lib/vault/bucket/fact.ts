import { LifeboatError } from "../../base/errors.ts";
import { readAnswer } from "../s3/store-answer.ts";

/**
 * One thing that the preflight wants to know. `unknown`: the store gave no usable answer. `denied`: it refused to tell, and
 * `why` names what it refused.
 */
export type Fact<T> =
  | { readonly state: "known"; readonly value: T }
  | { readonly state: "unknown"; readonly why: string }
  | { readonly state: "denied"; readonly why: string };

export const known = <T>(value: T): Fact<T> => ({ state: "known", value });
export const unknown = (why: string): Fact<never> => ({ state: "unknown", why });

/** Turns the error of one question into its fact, so that the other questions are still asked. Credentials that are not
 * accepted, a missing bucket and a store out of reach stay errors. */
export async function asFact<T>(question: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await question();
  } catch (error) {
    // These spoil every other question too.
    const fatal = ["s3-credentials", "s3-bucket-missing", "s3-unavailable"];
    if (error instanceof LifeboatError && fatal.includes(error.code)) throw error;
    const code = error instanceof LifeboatError ? error.code : readAnswer(error).code;
    const why = error instanceof LifeboatError ? error.message : code;
    return { state: code === "s3-denied" ? "denied" : "unknown", why };
  }
}
