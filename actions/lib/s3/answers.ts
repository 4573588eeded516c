import { OperationError } from "../base/errors.ts";

/** A hundred million objects: no vault comes near, and no machine could keep their names. */
const mostPages = 100_000;

/**
 * Says after each page of a store's list whether there is another. A store that lies must neither keep us for ever nor have
 * what it leaves out taken for what is not there: every marker is new, and a list that is cut off says where it goes on.
 *
 * @returns false after the last page
 */
export function watchPages(bucket: string, prefix: string): (truncated: boolean | undefined, next?: string) => boolean {
  const seen = new Set<string>();
  const broken = (code: string, how: string) =>
    new OperationError(
      code,
      `The store's list of ${prefix === "" ? "everything" : prefix} in bucket ${bucket} ${how}`,
      "Look at the store's health, and at what stands between it and here: what a list leaves out may be there all the same.",
    );
  return (truncated, next) => {
    if (truncated !== true) return false;
    if (next === undefined) throw broken("s3-cut-off", "is cut off and does not say where it goes on");
    if (seen.has(next) || seen.size >= mostPages) throw broken("s3-endless", "does not come to an end");
    seen.add(next);
    return true;
  };
}

/** The chunks of an answer's body. */
export function bodyOf(body: unknown): AsyncIterable<Uint8Array> {
  if (typeof body === "object" && body !== null && Symbol.asyncIterator in body)
    return body as AsyncIterable<Uint8Array>;
  throw new Error("the answer has no body");
}

/** Everything but letters, digits and `-_.~` in percent, as S3 signs it. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
