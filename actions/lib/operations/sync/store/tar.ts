const blockBytes = 512;

/**
 * Header of one ordinary file in a tar (ustar, POSIX.1-1988), for GNU tar and everything else. Owner, mode and time are the
 * same for all: what a file was is in the list.
 * @param name at most 100 ASCII characters @param bytes below 8 GiB
 */
export function tarHeader(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  const write = (text: string, at: number): void => void header.write(text, at, "latin1");
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, "0")}\0`;
  write(name, 0);
  write(octal(0o600, 7), 100);
  write(octal(0, 7), 108);
  write(octal(0, 7), 116);
  write(octal(bytes, 11), 124);
  write(octal(0, 11), 136);
  write("        ", 148);
  write("0", 156);
  write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** What fills the last block of a file. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes);
}

/** Two empty blocks end a tar. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}
