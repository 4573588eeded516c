import { OperationError } from "./errors.ts";

const MiB = 1024 * 1024;
/** Larger than any answer that is read whole and is what it should be. */
export const mostAnswerBytes = 64 * MiB;

/** For whoever is sent more than anything that was asked for can be: an answer without an end would fill all memory. */
export function tooLarge(what: string, maxBytes: number): OperationError {
  return new OperationError(
    "answer-too-large",
    `${what} has more than the ${maxBytes} bytes that it may have`,
    "Look at who answers there: it is not what was asked for.",
  );
}

/** `fetch`, or another way to send, whose answer's body fails as soon as it is longer than it may be. */
export async function boundedFetch(
  url: string | URL,
  init: RequestInit,
  maxBytes = mostAnswerBytes,
  send: (url: string | URL, init: RequestInit) => Promise<Response> = fetch,
): Promise<Response> {
  const answer = await send(url, init);
  if (answer.body === null) return answer;
  let left = maxBytes;
  const bound = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      left -= chunk.byteLength;
      if (left < 0) controller.error(tooLarge(`The answer of ${new URL(url).host}`, maxBytes));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = answer;
  return new Response(answer.body.pipeThrough(bound), { status, statusText, headers });
}
