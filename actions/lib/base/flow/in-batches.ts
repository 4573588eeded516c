/** That many statements travel together: one by one, a far server would make a large schema take hours. */
const batchSize = 40;

/** How things are done; each way leaves nothing of what did not work. */
export interface Ways<Item> {
  /** Whether all of them worked. */
  together(batch: readonly Item[]): Promise<boolean>;
  /** Undefined when it worked, otherwise the reason. */
  alone(item: Item): Promise<string | undefined>;
}

/**
 * Does things in order, several at once. When one of a batch fails the batch is done again one by one; what failed is
 * tried again as long as another try gets further, so that a dependency that the order did not show is no failure.
 *
 * @returns what did not work, with the reasons
 */
export async function doInBatches<Item>(items: readonly Item[], ways: Ways<Item>): Promise<Map<Item, string>> {
  let left = items;
  for (;;) {
    const failures = new Map<Item, string>();
    for (let start = 0; start < left.length; start += batchSize) {
      const batch = left.slice(start, start + batchSize);
      if (batch.length > 1 && (await ways.together(batch))) continue;
      for (const item of batch) {
        const reason = await ways.alone(item);
        if (reason !== undefined) failures.set(item, reason);
      }
    }
    if (failures.size === 0 || failures.size === left.length) return failures;
    left = [...failures.keys()];
  }
}
