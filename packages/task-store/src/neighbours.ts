/** What tasks need of the modules beside them, over the same transaction. */
import type { BlobLedger } from '@holdfast/blob-store';
import type { TaskCheckpoints } from '@holdfast/checkpoint-store';

export interface Neighbours {
  readonly checkpoints: TaskCheckpoints;
  readonly blobs: BlobLedger;
}
