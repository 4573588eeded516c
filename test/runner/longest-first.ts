import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, in about that order. One of them begun as the last would keep a single worker busy while
 * the others are done; a new checkout knows no durations, and would begin with the files of most lines.
 */
export const longest = [
  "integration/demo",
  "faults/table-backup-store",
  "faults/table-processes",
  "faults/table-restore-store",
  "workflows/storage-sync",
  "workflows/backups",
  "faults/table-interrupted",
  "faults/table-backup-source",
  "faults/table-restore-target",
  "faults/table-hostile-source",
  "faults/table-forged-words",
  "faults/table-lying-store",
  "integration/restore-test",
  "integration/edges",
  "integration/runbooks",
  "faults/backup-source",
  "faults/restore-killed",
  "faults/restore-test-killed",
  "integration/planted-defects",
  "faults/backup-killed",
  "integration/files-round-trip",
  "faults/restore",
  "integration/json-export",
  "integration/proof",
  "integration/publish-report",
  "integration/gnupg",
  "integration/verify",
  "integration/backup-segments",
  "workflows/restore-test",
  "workflows/restore",
  "faults/sync-killed",
  "faults/sync",
];

/**
 * Vitest's order, but of files whose duration is not known the long ones come first. Pure units are the last: a worker that
 * keeps its modules is ended when the next file is of the other project.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const places = new Map(files.map((file) => [file, this.#placeOf(file)]));
    const placeOf = (file: TestSpecification): number => places.get(file) ?? longest.length;
    const isUnit = (file: TestSpecification): number => Number(file.project.name === "unit");
    return (await super.sort(files)).sort((one, other) => isUnit(one) - isUnit(other) || placeOf(one) - placeOf(other));
  }

  #placeOf(file: TestSpecification): number {
    const known = this.ctx.cache.getTestSpecificationResult(file) !== undefined;
    const place = longest.findIndex((name) => file.moduleId.endsWith(`/test/${name}.test.ts`));
    return known || place === -1 ? longest.length : place;
  }
}
