/** A part of a page whose text follows from the code. */
export interface WrittenPart {
  /** Of the page, below the checkout. */
  readonly path: string;
  readonly mark: string;
  readonly text: string;
}
