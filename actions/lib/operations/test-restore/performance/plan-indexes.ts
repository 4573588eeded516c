import { z } from "zod";

/** One node of EXPLAIN's JSON, with what we look at. Conditions, which hold values, are dropped here. */
interface PlanNode {
  readonly "Index Name"?: string | undefined;
  readonly Plans?: readonly PlanNode[] | undefined;
}

const nodeSchema: z.ZodType<PlanNode> = z.object({
  "Index Name": z.string().optional(),
  get Plans() {
    return z.array(nodeSchema).optional();
  },
});

const explainedSchema = z
  .array(z.object({ Plan: nodeSchema, "Planning Time": z.number(), "Execution Time": z.number() }))
  .length(1);

/** What one EXPLAIN ANALYZE says: the server's own time, so that the way to it does not count, and the indexes used. */
export interface Explained {
  readonly milliseconds: number;
  readonly indexes: readonly string[];
}

/** @param json the value of EXPLAIN's one column, parsed */
export function readExplained(json: unknown): Explained {
  const [one] = explainedSchema.parse(json);
  if (one === undefined) return { milliseconds: 0, indexes: [] };
  const names = new Set<string>();
  const walk = (node: PlanNode): void => {
    if (node["Index Name"] !== undefined) names.add(node["Index Name"]);
    for (const inner of node.Plans ?? []) walk(inner);
  };
  walk(one.Plan);
  return { milliseconds: one["Planning Time"] + one["Execution Time"], indexes: [...names].sort() };
}
