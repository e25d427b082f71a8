/** A line of a file in /etc/pam.d (pam.d(5)). */
export interface PamLine {
  /** auth, account, password, session; empty for Debian's `@include`, which takes all of a file. */
  readonly type: string;
  /** `required`, `[success=1 default=ignore]`, `include`, `@include`. */
  readonly control: string;
  /** Name or path of the module, or of the file included. */
  readonly module: string;
}

/** Reads what the PAM library would; lines of another shape are left out. */
export function parsePamFile(text: string): readonly PamLine[] {
  return text
    .replace(/\\\n/g, ' ')
    .split('\n')
    .flatMap((raw): readonly PamLine[] => {
      const line = raw.replace(/#.*/, '').trim();
      const include = /^@include\s+(\S+)/.exec(line);
      if (include !== null) return [{ type: '', control: '@include', module: include[1] ?? '' }];
      // A leading hyphen: a module that is not installed is no error.
      const entry = /^-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)/i.exec(line);
      if (entry === null) return [];
      const [, type = '', control = '', module = ''] = entry;
      return [{ type: type.toLowerCase(), control, module }];
    });
}
