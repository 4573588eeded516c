import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Test files that take longest, in about that order. One of them begun as the last would keep a single worker busy while
 * the others are done; a new checkout knows no durations, and would begin with the files of most lines.
 */
export const longest = [
  "integration/demo",
  "integration/database-failure",
  "faults/table-silence",
  "integration/incident",
  "integration/drill-project",
  "faults/table-backup-source",
  "integration/cost-requests",
  "faults/repair-killed",
  "workflows/disaster-drill",
  "integration/edges",
  "integration/recover-elsewhere",
  "workflows/restore-database-failure",
  "workflows/recover",
  "faults/table-backup-store",
  "integration/cases",
  "integration/recover-refused",
  "integration/recover-loss",
  "faults/repair-accidents",
  "faults/table-recover",
  "integration/restore-test",
  "integration/replica",
  "integration/runbooks",
  "workflows/backups",
  "faults/table-interrupted",
  "integration/recover-vault-key",
  "integration/kit",
  "integration/history",
  "integration/slices",
  "integration/publish-report",
  "integration/recover",
  "faults/table-processes",
  "workflows/storage-sync",
  "faults/backup-source",
  "faults/table-restore-target",
  "integration/erasure",
  "faults/holds",
  "workflows/restore",
  "faults/table-pull-requests",
  "faults/backup-killed",
  "integration/drill",
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
