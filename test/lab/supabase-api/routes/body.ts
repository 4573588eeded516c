import type { z } from "zod";
import { type ApiAnswer, type Call, refuse } from "../request.ts";

/** Answers with `does` where the body has the form that the API takes, with 400 and what is wrong otherwise. */
export function accept<T>(
  { body }: Call,
  schema: z.ZodType<T>,
  does: (body: T) => ApiAnswer | Promise<ApiAnswer>,
): ApiAnswer | Promise<ApiAnswer> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return does(parsed.data);
  return refuse(
    400,
    parsed.error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`).join("; "),
  );
}
