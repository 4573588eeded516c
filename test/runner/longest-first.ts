import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, in about that order. One of them begun as the last would keep a single worker busy while
 * the others are done; a new checkout knows no durations, and would begin with the files of most lines.
 */
export const longest = [
  "faults/backup-killed",
  "workflows/storage-sync",
  "workflows/backups",
  "integration/runbooks",
  "faults/table-processes",
  "faults/restore-test-killed",
  "faults/sync-killed",
  "integration/edges",
  "integration/planted-defects",
  "integration/restore-test",
  "faults/table-backup-source",
  "faults/table-restore-target",
  "faults/table-backup-store",
  "faults/table-restore-store",
  "faults/backup-source",
  "integration/files-round-trip",
  "faults/restore",
  "faults/restore-killed",
  "integration/json-export",
  "integration/demo",
  "integration/proof",
  "integration/publish-report",
  "integration/gnupg",
  "integration/verify",
  "integration/backup-segments",
  "workflows/restore-test",
  "workflows/restore",
  "faults/sync",
];

/** Vitest's order, but of files whose duration is not known the long ones come first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const places = new Map(files.map((file) => [file, this.#placeOf(file)]));
    const placeOf = (file: TestSpecification): number => places.get(file) ?? longest.length;
    return (await super.sort(files)).sort((one, other) => placeOf(one) - placeOf(other));
  }

  #placeOf(file: TestSpecification): number {
    const known = this.ctx.cache.getTestSpecificationResult(file) !== undefined;
    const place = longest.findIndex((name) => file.moduleId.endsWith(`/test/${name}.test.ts`));
    return known || place === -1 ? longest.length : place;
  }
}
