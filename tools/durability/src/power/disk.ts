/**
 * A disk whose power can be cut: ext4 in a loop image on memory, and `EXT4_IOC_SHUTDOWN` without a last flush of the journal. What was not
 * fsynced is gone, as after pulling the plug; 80 ms a cut, no virtual machine.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';

/** Folder of images and mount points, and how large an image is. */
export interface DiskRoom {
  readonly folder: string;
  readonly bytes: number;
  close(): void;
}

/** A mounted image. */
export interface Disk {
  /** Where it is mounted. */
  readonly folder: string;
  /** Cuts the power; resolves with the monotonic milliseconds right before: what was acknowledged later does not count. */
  cut(): Promise<number>;
  /** Takes the dead file system away and mounts what the disk has kept. `release` is called when something still holds it. */
  restart(release: () => void): Promise<void>;
  /** Unmounts and deletes it. */
  destroy(): Promise<void>;
}

/** Why power cannot be cut on this machine; undefined: it can. Tries it once. */
export async function whyNoPowerCut(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'only Linux has the call that cuts the power of a file system';
  if (process.getuid?.() !== 0) return 'mounting an image takes root';
  try {
    const room = openRoom(8 * 1024 * 1024);
    try {
      const disk = await mountDisk(room, formatImage(room, 'probe'), 'probe');
      await disk.cut();
      await disk.restart(() => {});
      await disk.destroy();
    } finally {
      room.close();
    }
    return undefined;
  } catch (error) {
    return `a loop image cannot be mounted and cut here: ${error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error)}`;
  }
}

/** Makes a folder for images of `bytes` on memory. */
export function openRoom(bytes: number): DiskRoom {
  const folder = mkdtempSync('/dev/shm/holdfast-power-');
  return {
    folder,
    bytes,
    close() {
      for (const name of readdirSync(folder)) {
        // Left mounted by a cut that failed half-way.
        if (name.endsWith('.disk')) spawnSync('umount', [join(folder, name.slice(0, -'.disk'.length))], { stdio: 'ignore' });
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes an empty file system and returns the path of its image. */
export function formatImage(room: DiskRoom, name: string): string {
  const image = join(room.folder, `${name}.img`);
  writeFileSync(image, '');
  truncateSync(image, room.bytes);
  run('mkfs.ext4', ['-q', '-F', image]);
  return image;
}

/** Mounts a copy of `image`. */
export async function mountDisk(room: DiskRoom, image: string, name: string): Promise<Disk> {
  const own = join(room.folder, `${name}.disk`);
  const folder = join(room.folder, name);
  copyFileSync(image, own);
  mkdirSync(folder, { recursive: true });
  mount(own, folder);
  return {
    folder,
    cut: () => cut(folder),
    async restart(release) {
      await unmount(folder, release);
      mount(own, folder);
    },
    async destroy() {
      await unmount(folder, () => {});
      rmSync(own, { force: true });
    },
  };
}

/** Keeps what is on a disk as an image that `mountDisk` copies. */
export async function keepAsImage(room: DiskRoom, disk: Disk, name: string): Promise<string> {
  await unmount(disk.folder, () => {});
  const image = join(room.folder, `${name}.img`);
  copyFileSync(`${disk.folder}.disk`, image);
  mount(`${disk.folder}.disk`, disk.folder);
  return image;
}

async function cut(folder: string): Promise<number> {
  // Node has no ioctl, Debian always has Perl. It is started before, so that the cut itself takes microseconds.
  const knife = spawn('perl', ['-e', KNIFE, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(knife, 'close');
  await once(knife.stdout, 'data');
  const at = monotonicMs();
  knife.stdin.write('!');
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`cut the power of ${folder}: perl ended with ${String(code)}`);
  return at;
}

async function unmount(folder: string, release: () => void): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return run('umount', [folder]);
    } catch (error) {
      if (attempt === 0) release();
      if (attempt >= UNMOUNT_ATTEMPTS) throw error;
      await new Promise((next) => setTimeout(next, 20));
    }
  }
}

const mount = (image: string, folder: string): void => run('mount', ['-o', 'loop', image, folder]);

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** The clock that all processes of this machine share. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH. */
const KNIFE =
  'sysopen(D, $ARGV[0], 0) or die $!; syswrite STDOUT, "."; my $f = pack("L", 2); sysread STDIN, my $b, 1; ioctl(D, 0x8004587d, $f) or die $!;';
const UNMOUNT_ATTEMPTS = 250;
