import { volumeAttributes } from '@xtreemos/xtreemfs';
import type { VolumeDescription } from './volume-administration.ts';

export interface Usage {
  readonly bytes: number;
  readonly files: number;
}

export function usageOf({ settings }: Pick<VolumeDescription, 'settings'>): Usage {
  const [bytes, files] = (settings[volumeAttributes.used] ?? '0/0').split('/').map(Number);
  return { bytes: bytes ?? 0, files: files ?? 0 };
}
