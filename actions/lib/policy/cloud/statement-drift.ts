import { z } from "zod";
import type { Json } from "./document.ts";
import type { Property } from "./property.ts";

const statementSchema = z.looseObject({ Sid: z.string().optional(), Effect: z.string() });
const documentSchema = z.looseObject({
  Statement: z.preprocess(
    (one) => (Array.isArray(one) ? one : one === undefined ? [] : [one]),
    z.array(statementSchema),
  ),
});

/** The statements of a policy that is there; none where it cannot be read as one. */
export function statementsIn(document: unknown): readonly z.infer<typeof statementSchema>[] {
  return documentSchema.safeParse(document).data?.Statement ?? [];
}

/**
 * Each statement of a policy by its name, and that nothing else is allowed there. What somebody denies beside is theirs.
 * @param found the document, or several that hang together
 */
export function statementProperties(of: string, wanted: Json, found: unknown, next: string): Property[] {
  const there = [found].flat().flatMap(statementsIn);
  const ours = statementsIn({ Statement: wanted });
  const names = new Set(ours.map(({ Sid }) => Sid));
  const others = there.filter(({ Sid, Effect }) => Effect === "Allow" && !names.has(Sid));
  return [
    ...ours.map((statement): Property => {
      // One of the same name may stand there twice: the second would be overlooked.
      const same = there.filter(({ Sid }) => Sid === statement.Sid);
      return {
        ...{ name: `${of}, statement ${statement.Sid}`, level: "critical", next },
        ...{ wanted: statement, found: same.length > 1 ? same : same[0] },
      };
    }),
    {
      ...{ name: `${of}, other statements`, level: "critical", next },
      ...{ wanted: [], found: others.map(({ Sid = "without a name" }) => Sid) },
    },
  ];
}
