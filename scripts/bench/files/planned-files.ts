/** One file of the bench's source: what it is called and how long it is. */
export interface PlannedFile {
  readonly key: string;
  readonly bytes: number;
}

/** One file in a thousand is large: together they have a quarter of the bytes. */
const largeOneIn = 1000;
const largeShare = 0.25;

/**
 * Many small files and a few large ones, the same for the same numbers: sizes spread from a tenth to twice the mean, in
 * folders of a hundred, as an application that keeps one folder a student would have them.
 *
 * @param count files in all @param bytes of all together, about
 */
export function planFiles(count: number, bytes: number): PlannedFile[] {
  const large = Math.floor(count / largeOneIn);
  const small = count - large;
  const mean = (bytes * (large === 0 ? 1 : 1 - largeShare)) / small;
  return Array.from({ length: count }, (_, index): PlannedFile => {
    const folder = `student-${String(Math.floor(index / 100)).padStart(5, "0")}`;
    if (index < large)
      return { key: `${folder}/recording-${index}.mp4`, bytes: Math.round((bytes * largeShare) / large) };
    // Weyl's sequence: evenly spread without chance, so that the mean comes out right for any count.
    const spread = (index * 0.618_033_988_749_895) % 1;
    return { key: `${folder}/answer-${index}.pdf`, bytes: Math.max(1, Math.round(mean * (0.1 + 1.8 * spread))) };
  });
}
