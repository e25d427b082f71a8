/**
 * Directories that were changed from here, as the MRC said with the change. The kernel forgets what it knows of a directory when a
 * name in it changes, and asks before it lets anybody change the next one.
 */
import type { Attributes } from '@xtreemos/rpc';
import type { ChangeWatch } from './change-watch.ts';

interface Changed {
  /** The newest that came, and the mark of the watch from before it was asked for. */
  newest: { readonly attributes: Attributes; readonly mark: number } | undefined;
  underWay: number;
  /** Grows when what is known, and what was asked for, is of no use any more. */
  epoch: number;
}

const mostDirectories = 1000;

export class ChangedDirectories {
  readonly #watch: Pick<ChangeWatch, 'mark' | 'isCurrent'>;
  readonly #directories = new Map<number, Changed>();

  constructor(watch: Pick<ChangeWatch, 'mark' | 'isCurrent'>) {
    this.#watch = watch;
  }

  /** Makes a change of names in a directory. */
  async change<Answer extends { readonly parent?: Attributes | undefined }>(
    directory: number,
    make: () => Promise<Answer>,
  ): Promise<Answer> {
    const { mark } = this.#watch;
    const changed = this.#directories.get(directory) ?? { newest: undefined, underWay: 0, epoch: 0 };
    this.#directories.delete(directory);
    this.#directories.set(directory, changed);
    changed.underWay++;
    const { epoch } = changed;
    let attributes: Attributes | undefined;
    try {
      const answer = await make();
      attributes = answer.parent;
      return answer;
    } finally {
      changed.underWay--;
      // Answers of changes that overlap come in any order; without one nothing is known.
      if (attributes === undefined) changed.newest = undefined;
      else if (changed.epoch === epoch && attributes.change > (changed.newest?.attributes.change ?? 0n))
        changed.newest = { attributes, mark };
      this.#forgetOldest();
    }
  }

  /** Undefined where the MRC has to be asked. */
  attributes(directory: number): Changed['newest'] {
    const { newest, underWay } = this.#directories.get(directory) ?? {};
    return underWay === 0 && newest !== undefined && this.#watch.isCurrent(newest.mark, directory)
      ? newest
      : undefined;
  }

  /** Changes a node in a way that tells nothing of it afterwards; or any number of directories, where none is named. */
  async changeUntold<Answer>(node: number | undefined, make: () => Promise<Answer>): Promise<Answer> {
    this.#forget(node);
    try {
      return await make();
    } finally {
      this.#forget(node);
    }
  }

  /** What answers that are under way say does not count either: they may be of before. */
  #forget(node: number | undefined): void {
    const forgotten =
      node === undefined ? this.#directories.values() : [this.#directories.get(node)].filter(isDefined);
    for (const changed of forgotten) {
      changed.newest = undefined;
      changed.epoch++;
    }
  }

  #forgetOldest(): void {
    if (this.#directories.size <= mostDirectories) return;
    for (const [node, { underWay }] of this.#directories)
      if (underWay === 0) {
        this.#directories.delete(node);
        return;
      }
  }
}

function isDefined<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}
