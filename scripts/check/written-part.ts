/** A file, or a part of a page, whose text follows from the code. */
export interface WrittenPart {
  /** Below the checkout. */
  readonly path: string;
  /** Of the part; undefined: the whole file is written. */
  readonly mark: string | undefined;
  readonly text: string;
  /** The page around the part, where there is none yet. */
  readonly around?: string;
}
