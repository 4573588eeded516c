/** Schema of the notes that a restore keeps in the target until it has been proven. */
export const notesSchema = "lifeboat_restore";

/** Schema of the marker by which a database is known to be staging, and of what a restore test needs to remember there. */
export const stagingSchema = "lifeboat_staging";

/** Schema of what holds back requests of pg_net in a copy, and the trigger on pg_net's queue that does it. */
export const quietSchema = "lifeboat_quiet";
export const quietTrigger = quietSchema;

/** Where a planted defect keeps what it took away: a person's row, so it goes with everything else. */
export const plantedRowTable = `${stagingSchema}.planted_row`;

/** Whether a schema is Lifeboat's own: no part of what is restored, and nothing that a target must be empty of. */
export function isOwnSchema(schema: string | null): boolean {
  return schema === notesSchema || schema === stagingSchema || schema === quietSchema;
}

/** Whether an object lies in such a schema, or is one. */
export function isOwnObject(object: {
  readonly kind: string;
  readonly identity: string;
  readonly schema: string | null;
}): boolean {
  if (object.kind === "trigger" && object.identity === `${quietTrigger} on net.http_request_queue`) return true;
  return isOwnSchema(object.kind === "schema" ? object.identity : object.schema);
}
