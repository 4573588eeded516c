import { access, open, readFile } from "node:fs/promises";
import { ConfigurationError, errorCode } from "../../base/errors.ts";
import { tarEnd, tarHeader, tarPadding } from "../sync/store/pack-writer.ts";

/** A tar of these files, in this order: the same files give the same bytes. @param files names as `tarHeader` takes them */
export function tarOf(files: Iterable<readonly [name: string, content: Uint8Array]>): Buffer {
  const blocks = [...files].flatMap(([name, content]) => [
    tarHeader(name, content.length),
    content,
    tarPadding(content.length),
  ]);
  return Buffer.concat([...blocks, tarEnd()]);
}

/** Before anything is made. @throws ConfigurationError `kit-file`: nothing is overwritten */
export async function assertNew(path: string): Promise<void> {
  const there = await access(path).then(
    () => true,
    () => false,
  );
  if (there) throw unwritable(path, "it is there already");
}

/** @throws ConfigurationError `kit-file` */
export async function writeKitFile(path: string, tar: Uint8Array): Promise<void> {
  try {
    await using file = await open(path, "wx", 0o600);
    await file.writeFile(tar);
    await file.sync();
  } catch (error) {
    throw unwritable(path, errorCode(error) ?? "unknown error");
  }
}

/** @throws ConfigurationError `kit-file` */
export async function readKitFile(path: string): Promise<Uint8Array> {
  return await readFile(path).catch((error: unknown) => {
    const why = `${path} cannot be read: ${errorCode(error) ?? "unknown error"}.`;
    throw new ConfigurationError("kit-file", why, "Give --file the path of a kit's tar.");
  });
}

function unwritable(path: string, why: string): ConfigurationError {
  return new ConfigurationError("kit-file", `${path} cannot be written: ${why}.`, "Give --out the path of a new file.");
}
