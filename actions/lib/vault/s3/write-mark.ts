import { headObject, type ObjectHead, writeMark } from "./objects.ts";
import { readAnswer } from "./store-answer.ts";
import type { Transport, Try } from "./transport.ts";

/**
 * A conditional write that is tried again meets the object of its own earlier try when only the answer was lost. The mark
 * in its metadata tells that apart from a foreign object.
 * @returns what `write` returned, or the head of the object that an earlier try has written
 */
export async function settleLostAnswer<T>(
  transport: Transport,
  key: string,
  mark: string,
  attempt: Try,
  write: () => Promise<T>,
): Promise<T | ObjectHead> {
  try {
    return await write();
  } catch (error) {
    const answer = readAnswer(error);
    const refused = answer.verdict === "condition" || answer.code === "NoSuchUpload";
    if (attempt.count === 1 || !refused) throw error;
    const there = await headObject(transport, key);
    if (there?.metadata[writeMark] !== mark) throw error;
    return there;
  }
}
