/**
 * Tag of the objects that may leave Standard: an archive's SQL, and nothing else of a set. The bucket's lifecycle rule asks
 * for it, so keys, manifest, inventory and RECOVER.md, which have none, stay readable at once.
 */
export const archiveTagging = { key: "lifeboat-archive", value: "cold" } as const;

/** The same as an upload takes it. */
export const archiveTag = `${archiveTagging.key}=${archiveTagging.value}`;
